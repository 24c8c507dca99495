"""What scripts/bench measures with: one module for each command, the others are its tools.

machine    where things are, what has to be installed, and how a bench gives up
processes  servers, providers, the ceiling and Redis, each of a run's own
clients    who asks: wrk, the open loop, single connections, and the orders they place
stores     folders filled with finished and unfinished reservations, and their sizes
figures    figures with their units, and the targets they are held against
charts     line charts in SVG
"""
