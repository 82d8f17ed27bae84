"""Checks a directory of Sigma rules, see scripts/check-sigma."""

import glob
import sqlite3
import sys

from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.validation import SigmaValidator
from sigma.validators.core import validators

NEED_A_NETWORK = {"attacktag", "d3_fendtag"}
COLUMNS = ("Image", "CommandLine", "ParentImage", "TargetFilename")

# What each rule must find, and what it must not.
ATTACKS = {
    "Known Miner Or Its Guardian Started": [{"Image": "/tmp/kdevtmpfsi"}, {"Image": "/var/tmp/kinsing"}, {"Image": "/usr/bin/xmrig"}],
    "Command Line Of A Miner": [
        {"Image": "/opt/x/y", "CommandLine": "y -o stratum+tcp://192.0.2.1:3333 -u z"},
        {"Image": "/tmp/grep", "CommandLine": "grep --donate-level=1 -o 192.0.2.1:3333"},
    ],
    "Service Starts A Program In A Temporary Directory": [{"Image": "/tmp/x9", "ParentImage": "/usr/lib/jvm/java-17/bin/java"}],
    "File Of A Known Miner In A Temporary Directory": [{"TargetFilename": "/tmp/kdevtmpfsi"}, {"TargetFilename": "/dev/shm/kinsing.sh"}],
}
BENIGN = [
    {"Image": "/usr/bin/sleep", "CommandLine": "sleep 60", "ParentImage": "/usr/bin/bash"},
    {"Image": "/usr/bin/grep", "CommandLine": "grep -r stratum+tcp:// /etc", "ParentImage": "/usr/bin/bash"},
    {"Image": "/tmp/build/test", "CommandLine": "./test", "ParentImage": "/usr/bin/make"},
    {"Image": "/usr/bin/python3.11", "CommandLine": "python3 train.py", "ParentImage": "/usr/lib/jvm/java-17/bin/java"},
    {"TargetFilename": "/tmp/notes-on-kinsing.txt"},
    {"TargetFilename": "/home/eve/samples/kinsing"},
]


def found(query, event):
    """Tells whether a query finds an event."""
    with sqlite3.connect(":memory:") as database:
        database.execute(f"CREATE TABLE logs ({', '.join(COLUMNS)})")
        database.execute(f"INSERT INTO logs VALUES ({', '.join('?' * len(COLUMNS))})", [event.get(column) for column in COLUMNS])
        return bool(database.execute(query).fetchall())


def main(directory):
    """Returns what is wrong."""
    rules = SigmaCollection.load_ruleset(glob.glob(f"{directory}/*.yml"))
    wrong = [f"{rule.title}: {error}" for rule in rules for error in rule.errors]
    if sorted(rule.title for rule in rules) != sorted(ATTACKS):
        wrong.append(f"rules and their attacks differ: {[rule.title for rule in rules]}")
    chosen = [validator for name, validator in validators.items() if name not in NEED_A_NETWORK]
    wrong += [str(issue) for issue in SigmaValidator(chosen).validate_rules(rules)]
    queries = {rule.title: sqliteBackend().convert_rule(rule)[0] for rule in rules}
    for title, query in queries.items():
        wrong += [f"{title} does not find {event}" for event in ATTACKS[title] if not found(query, event)]
        wrong += [f"{title} finds {event}" for event in BENIGN if found(query, event)]
    events = sum(map(len, ATTACKS.values()))
    print(f"Sigma: {len(queries)} rules, {len(chosen)} validators, {events} attacks, {len(BENIGN)} benign events")
    return wrong


if __name__ == "__main__":
    problems = main(sys.argv[1])
    print(*problems, sep="\n", end="\n" if problems else "")
    sys.exit(1 if problems else 0)
