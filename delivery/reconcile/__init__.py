"""The loop: wake, gather, decide, record, apply."""
