"""The event loop of whatever serves or is measured: uvloop takes far less of the processor than asyncio's own."""

try:
    from uvloop import new_event_loop
except ImportError:  # there is none for Windows
    from asyncio import new_event_loop  # type: ignore[assignment]  # its loops are asyncio's

__all__ = ["new_event_loop"]
