"""A closed loop in a namespace of its own, as the reconciler's tests have it."""

from tests.reconcile.conftest import _quick_mesh, grounds, own_rig

__all__ = ["_quick_mesh", "grounds", "own_rig"]
