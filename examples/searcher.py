#!/usr/bin/env python3
"""A searcher in 40 lines: differential evolution (Storn and Price 1997), by docs/SEARCH.md.

    khub search graphics --by cmaes --by 'exec:python3 examples/searcher.py'
    khub train AI_Node_5 networking 2 --by 'exec:python3 examples/searcher.py'
"""
import json
import random
import sys

subject = json.loads(sys.stdin.readline())
luck = random.Random(subject["seed"])
low, high = ({p["name"]: p[end] for p in subject["parameters"]} for end in ("low", "high"))
population = [{p["name"]: p["textbook"] for p in subject["parameters"]}]
while len(population) < 16:
    population.append({p["name"]: p["low"] * (p["high"] / p["low"]) ** luck.random() if p["logarithmic"] else
                       luck.uniform(p["low"], p["high"]) for p in subject["parameters"]})
ratios = [9.0] * 16  # of each; 9: it was not run yet


def child(i):
    """A step along the difference of two others, in most parameters; or itself, the first time."""
    one, a, b, c = population[i], *luck.sample(population, 3)
    if ratios[i] == 9.0:
        return one
    step = {name: a[name] + 0.7 * (b[name] - c[name]) for name in one if luck.random() < 0.8}
    return {**one, **{name: value for name, value in step.items() if low[name] <= value <= high[name]}}


for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "ask":
        places = luck.sample(range(16), min(16, message["at_most"]))
        asked = [child(i) for i in places]
        print(json.dumps({"candidates": [{"parameters": one} for one in asked]}), flush=True)
    elif message["type"] == "told":
        for i, one, result in zip(places, asked, message["results"]):
            if result.get("ratio", 9.0) < ratios[i]:
                population[i], ratios[i] = one, result["ratio"]
