"""Where frames come from, one kind a file; `rnnedge.live.open_source` finds them by their scheme."""
