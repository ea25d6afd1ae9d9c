"""`make bench`: what the API's lists cost, beside what they could cost. Writes docs/performance.md.

python tests/bench/run.py                     25,000 and 1,000,000 companies; their first making takes minutes
python tests/bench/run.py --companies 25000   just these, fewer rounds; only prints
"""

import argparse
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)

from tests.bench import depth, exports, load, lookups, machine, race, report  # noqa: E402
from tests.bench.measured import Measured  # noqa: E402
from tests.bench.subjects import Subject  # noqa: E402

SIZES = [25_000, 1_000_000]
# Rounds under load, requests of each kind one at a time, pages of which it is asserted that all views show the same.
THOROUGH, QUICK = (7, 100, 200), (2, 20, 40)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--companies", type=int, help="one size and fewer rounds; only prints")
    companies = parser.parse_args().companies
    if not shutil.which("wrk"):
        sys.exit("The benchmark needs wrk: install it with `apt-get install wrk` or `brew install wrk`.")
    rounds, times, compared = QUICK if companies else THOROUGH
    subjects = [Subject(size) for size in ([companies] if companies else SIZES)]
    for subject in subjects:
        subject.prepare()
    machine.leave_first_core()
    with ExitStack() as stack:
        for subject in subjects:
            stack.enter_context(subject)
        filtered = subjects[0].queries("filtered", (rounds + 1) * load.BATCH)
        load.compare(subjects[0], filtered[:compared])
        measured = Measured(
            rounds=rounds,
            bitmaps=lookups.measure_bitmaps(subjects),
            load={subject.companies: load.measure(subject, filtered, rounds) for subject in subjects},
            race=race.measure(subjects[0], filtered, rounds, compared),
            texts=list(lookups.measure_texts(subjects, times)),
            facets=list(lookups.measure_facets(subjects, filtered, times)),
            windows=list(depth.measure_windows(subjects, times)),
            heavy=list(depth.measure_heavy(subjects)),
            exports={subject.companies: exports.measure(subject, rounds) for subject in subjects},
        )
    text = report.written(measured)
    print(text)
    if not companies:
        report.save(text)


if __name__ == "__main__":
    main()
