"""The HTTP API: what pipelines and people ask, and what they are told. It writes intents; the reconciler acts."""
