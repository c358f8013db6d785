"""From what releases need to know, to queries, to exact increments of both arms."""
