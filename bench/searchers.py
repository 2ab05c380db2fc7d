#!/usr/bin/env python3
"""What searchers find with one budget each: khub search, several runs, medians.

usage: searchers.py KHUB [EVALUATIONS [RUNS [SUBJECT…]]]  (1500, 5, those with a frame for programs)

The family of each subject is searched by CMA-ES and, beside it, at random; its frame by genetic
programming. A run has training workloads of its own and is measured on 64 held-out ones of its own;
the median run is shown, with its 95 % interval.
"""
import json
import statistics
import subprocess
import sys


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


def main():
    khub, *rest = sys.argv[1:]
    evaluations, runs = (int(word) for word in (rest[:2] + ["1500", "5"][len(rest[:2]):]))
    subjects = rest[2:] or with_frames(khub)
    print(f"{evaluations} evaluations ({16 * evaluations} simulations) each, {runs} runs; held-out ratio, lower is better; "
          "all synthetic")
    row = "{:16} {:9} {:>7} {:>6} {:>9} {:>9} {:>6} {:>6}"
    print(row.format("subject", "searcher", "median", "+-", "best run", "worst run", "bytes", "bound"))
    for subject in subjects:
        found = [search(khub, subject, evaluations, run, ("cmaes", "random", "genetic")) for run in range(runs)]
        bound = statistics.median(result["bound"] for result in found)
        for which, name in enumerate(("cmaes", "random", "genetic")):
            rows = sorted((result["searchers"][which] for result in found), key=lambda found: found["heldout"])
            middle = rows[(len(rows) - 1) // 2]
            figures = [middle["heldout"], middle["ci95"], rows[0]["heldout"], rows[-1]["heldout"]]
            print(row.format(subject, name, *(f"{figure:.3f}" for figure in figures), middle["bytes"], f"{bound:.3f}"),
                  flush=True)


if __name__ == "__main__":
    main()
