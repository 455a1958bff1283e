"""One way of computing a frame per file. `load(problem, path)` gives the function of a frame; `write` makes its file.

Both take what `bench.peers.roster` says beside. They run in processes of their own, with one thread; whatever they
raise becomes the reason why the contender has no figures.
"""
