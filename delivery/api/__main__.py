"""`python -m delivery.api`: the process that ApiProcess starts.

A process that draws reports or replays a backtest reads this file too, under another name, and somebody waits for it:
all that is imported here it would import as well.
"""

if __name__ == "__main__":
    from delivery.api.serve import main

    main()
