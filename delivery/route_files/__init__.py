"""Edits of route objects in files, without a cluster: the same finding and the same adapters as the controller's."""
