"""What people and pipelines are told of a Release, through channels of the operator's choice."""
