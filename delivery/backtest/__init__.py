"""Recorded telemetry, judged again."""
