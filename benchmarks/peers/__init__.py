"""Ways to judge a canary's error rate, ours among them, on the same simulated traffic."""
