"""Backtests of uploaded recordings, each in a process of its own: the controller's work does not wait for them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import anyio
import anyio.to_process
import anyio.to_thread
from fastapi import APIRouter, File, Form, UploadFile

from delivery.api import examples
from delivery.api.description import answers, asks
from delivery.api.guarding import VERB, GuardedRoute
from delivery.api.problems import documented
from delivery.backtest.json_lines import read_recordings
from delivery.backtest.told import judged, outcome_object
from delivery.errors import InvalidSpec, Retry
from delivery.resources.policy_text import parse_policy_text

router = APIRouter(prefix="/api/v1", tags=["backtest"], route_class=GuardedRoute)
LONGEST_S = 60.0
AT_ONCE = 1


class Backtests:
    """Room for those that run."""

    def __init__(self) -> None:
        self.room = anyio.CapacityLimiter(AT_ONCE)


_backtests = Backtests()


@router.post(
    "/backtest",
    openapi_extra={VERB: "backtest", **asks(examples.BACKTEST, "multipart/form-data")},
    responses=answers(200, examples.BACKTESTED) | documented(),
    summary="What a policy would have decided on recorded telemetry",
)
async def backtest(
    recording: Annotated[UploadFile, File(description="JSON lines, gzip or not, as docs/backtest.md says")],
    policy: Annotated[
        str, Form(max_length=65_536, description="YAML of a DeliveryPolicy or of its spec; the default if left out")
    ] = "",
) -> list[dict[str, Any]]:
    parse_policy_text(policy, "policy")
    with tempfile.TemporaryDirectory(prefix="headgate-backtest-") as folder:
        path = Path(folder) / "recording"
        await anyio.to_thread.run_sync(_keep, recording, path)
        with anyio.move_on_after(LONGEST_S):
            answer = await anyio.to_process.run_sync(told, str(path), policy, cancellable=True, limiter=_backtests.room)
            if isinstance(answer, str):
                raise InvalidSpec(answer)
            return answer
    raise Retry(f"not judged within {LONGEST_S:g} s; upload fewer releases, or run `headgate backtest` yourself")


def told(path: str, policy: str) -> list[dict[str, Any]] | str:
    """Runs in the other process: the outcomes, or what is wrong with the recording."""
    try:
        outcomes = judged(read_recordings(path), parse_policy_text(policy, "policy"), every_step=False)
    except Exception as problem:  # our errors do not survive the way back with their types
        return f"recording: {problem}".replace(path, "recording")
    return [outcome_object(outcome) for outcome in outcomes]


def _keep(upload: UploadFile, path: Path) -> None:
    with path.open("wb") as kept:
        shutil.copyfileobj(upload.file, kept)
