"""The project's own benchmarks: each a ratio of Plinth to a baseline, side by side in one run.

To add one: a module here with a class that keeps the promises of `types.Benchmark`, and a line in
`registry.py`. What it needs of the machine it asks of the `types.Workbench`.
"""
