#!/usr/bin/env python3
"""What searchers find with one budget each: khub search, several runs, medians.

usage: searchers.py KHUB [EVALUATIONS [RUNS [SUBJECT…]]] [--ceiling]
       (1500, 5, those with a frame for programs)

The family of each subject is searched by CMA-ES and, beside it, at random; its frame by genetic
programming. A run has training workloads of its own and is measured on 64 held-out ones of its own;
the median run is shown, with its 95 % interval, and how often a program did what another had done.
Beside them stand the best practice and the bound on the same workloads, medians too, and with
--ceiling what CMA-ES finds with ten times the budget, in one run.
"""
import json
import statistics
import subprocess
import sys

SEARCHERS = ("cmaes", "random", "genetic")
ROW = "{:16} {:14} {:>7} {:>6} {:>9} {:>9} {:>6} {:>8}"


def search(khub, subject, evaluations, run, by):
    words = [khub, "search", subject, "--evaluations", str(evaluations), "--as", f"bench{run}", "--json"]
    for searcher in by:
        words += ["--by", searcher]
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def with_frames(khub):
    """Subjects in which programs can be searched for."""
    named = json.loads(subprocess.run([khub, "subjects", "--json"], check=True, capture_output=True, text=True).stdout)
    tried = [khub, "search", "--by", "genetic", "--evaluations", "1", "--heldout", "2"]
    return [subject["name"] for subject in named
            if subprocess.run([*tried, subject["name"]], check=False, capture_output=True).returncode == 0]


def show(subject, name, rows):
    """One searcher's runs: the median, and what there is around it."""
    rows = sorted(rows, key=lambda found: found["heldout"])
    middle = rows[(len(rows) - 1) // 2]
    repeats = sum(found["repeats"] for found in rows) / sum(found["candidates"] for found in rows)
    figures = [middle["heldout"], middle["ci95"], rows[0]["heldout"], rows[-1]["heldout"]]
    print(ROW.format(subject, name, *(f"{figure:.3f}" for figure in figures), middle["bytes"], f"{100 * repeats:.0f} %"),
          flush=True)


def show_beside(subject, name, ratios):
    print(ROW.format(subject, name, f"{statistics.median(ratios):.3f}", "", "", "", "", ""), flush=True)


def main():
    ceiling = "--ceiling" in sys.argv
    khub, *rest = (word for word in sys.argv[1:] if word != "--ceiling")
    evaluations, runs = (int(word) for word in (rest[:2] + ["1500", "5"][len(rest[:2]):]))
    subjects = rest[2:] or with_frames(khub)
    print(f"{evaluations} evaluations ({16 * evaluations} simulations) each, {runs} runs; held-out ratio, lower is better; "
          "all synthetic")
    print(ROW.format("subject", "searcher", "median", "+-", "best run", "worst run", "bytes", "repeats"))
    for subject in subjects:
        found = [search(khub, subject, evaluations, run, SEARCHERS) for run in range(runs)]
        for which, name in enumerate(SEARCHERS):
            show(subject, name, [result["searchers"][which] for result in found])
        if ceiling:
            show(subject, "cmaes, 10x", search(khub, subject, 10 * evaluations, 0, ["cmaes"])["searchers"])
        show_beside(subject, "best practice", [min(row["ratio"] for row in result["baselines"][1:]) for result in found])
        show_beside(subject, "bound", [result["bound"] for result in found])


if __name__ == "__main__":
    main()
