"""How large one question to Prometheus may be, and its answer."""

QUERY_LIMIT = 120_000  # characters; VictoriaMetrics needs its -search.maxQueryLen raised to this
SERIES_LIMIT = 18_000  # expected in one answer: what one takes in memory, and how long the others would wait for it
LOOK_BACK = "10m"  # how long a counter that is not shown is remembered by a baseline
