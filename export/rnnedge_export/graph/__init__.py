"""What every pass uses: building, folding and inferring a graph, symbolic dims, and running a part of it."""
