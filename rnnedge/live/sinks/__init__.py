"""Where predictions and events go, one kind a file; `rnnedge.live.open_sink` finds them by their scheme."""
