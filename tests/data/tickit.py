#!/usr/bin/env python3
"""Makes the three fact tables of TICKIT that the sample data lacks, always the same ones.

    tests/data/tickit.py EVENTS DIRECTORY [--scale=N]

EVENTS is allevents_pipe.txt. Writes allusers_pipe.txt (49,990 users), listings_pipe.txt
(192,497 listings) and sales_tab.txt (172,456 sales) as COPY's commands of the sample expect
them; with --scale=N a N-th of each, for quick tests. Numbers come from a generator of our own,
so that no version of Python changes them."""

import datetime
import os
import sys

USERS, LISTINGS, SALES = 49990, 192497, 172456
FIRST_DATEID = 1827  # 2008-01-01
NAMES = "Ada Grace Alan Edsger Barbara Donald Margaret Dennis Radia Ken Frances Niklaus Jean Tony " \
        "Hedy Linus Karen Claude Sophie Vint Mary Leslie Joan Edgar".split()
SURNAMES = "Lovelace Hopper Turing Dijkstra Liskov Knuth Hamilton Ritchie Perlman Thompson Allen Wirth " \
           "Bartik Hoare Lamarr Torvalds O'Neil Shannon Wilson Cerf Shaw Lamport Clarke Codd".split()
CITIES = [("Kent", "WA"), ("High Point", "NC"), ("Omaha", "NE"), ("Baton Rouge", "LA"), ("Salem", "OR"),
          ("St. Paul", "MN"), ("Fargo", "ND"), ("Reno", "NV"), ("Utica", "NY"), ("Ocean City", "NJ"),
          ("Biloxi", "MS"), ("Lowell", "MA"), ("Santa Fe", "NM"), ("Flint", "MI"), ("Provo", "UT")]


class Numbers:
    """splitmix64."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    def below(self, n):
        return self.next() % n

    def skewed(self, n):
        """The small ones more often: a few sell and buy much."""
        return min(self.below(n), self.below(n))


def users(count, numbers, out):
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for userid in range(1, count + 1):
        name = "".join(letters[numbers.below(26)] for _ in range(3)) + "%02d" % numbers.below(100) + \
            "".join(letters[numbers.below(26)] for _ in range(3))
        first, last = NAMES[numbers.below(len(NAMES))], SURNAMES[numbers.below(len(SURNAMES))]
        city, state = CITIES[numbers.below(len(CITIES))]
        phone = "(%03d) %03d-%04d" % (200 + numbers.below(800), numbers.below(1000), numbers.below(10000))
        # Likes are true, false, or nothing is known.
        likes = [("TRUE", "FALSE", "")[numbers.below(3)] for _ in range(10)]
        out.write("|".join([str(userid), name, first, last, city, state,
                            "%s.%s@example%d.org" % (first.lower(), name.lower(), numbers.below(50)),
                            phone] + likes) + "\n")


def when(dateid, numbers):
    day = datetime.datetime(2008, 1, 1) + datetime.timedelta(days=dateid - FIRST_DATEID)
    return day + datetime.timedelta(seconds=numbers.below(86400))


def listings(count, n_users, events, numbers, out):
    """Gives what sales need of each."""
    made = []
    for listid in range(1, count + 1):
        eventid, event_dateid = events[numbers.below(len(events))]
        dateid = max(FIRST_DATEID, event_dateid - numbers.below(60))
        tickets = 1 + numbers.below(30) if numbers.below(4) == 0 else 1 + numbers.below(10)
        cents = 2000 + numbers.below(30) * 1000 if numbers.below(3) else 2000 + numbers.below(48000)
        seller = 1 + numbers.skewed(n_users)
        out.write("%d|%d|%d|%d|%d|%d.%02d|%d.%02d|%s\n" % (
            listid, seller, eventid, dateid, tickets, cents // 100, cents % 100,
            tickets * cents // 100, tickets * cents % 100, when(dateid, numbers)))
        made.append((listid, seller, eventid, dateid, tickets, cents))
    return made


def sales(count, n_users, made, numbers, out):
    for salesid in range(1, count + 1):
        listid, seller, eventid, dateid, tickets, cents = made[numbers.below(len(made))]
        sold = 1 + numbers.below(tickets)
        paid = sold * cents
        day = min(dateid + numbers.below(20), FIRST_DATEID + 364)
        # The service's sample has 15 percent, to the cent, rounded half up.
        commission = (paid * 15 + 50) // 100
        time = when(day, numbers)
        out.write("%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d.%02d\t%d.%02d\t%d/%d/%d %s\n" % (
            salesid, listid, seller, 1 + numbers.skewed(n_users), eventid, day, sold, paid // 100,
            paid % 100, commission // 100, commission % 100, time.month, time.day, time.year,
            time.strftime("%H:%M:%S")))


def main():
    scale = 1
    arguments = []
    for argument in sys.argv[1:]:
        if argument.startswith("--scale="):
            scale = int(argument.removeprefix("--scale="))
        else:
            arguments.append(argument)
    if len(arguments) != 2:
        sys.exit(__doc__)
    with open(arguments[0], encoding="ascii") as file:
        events = [(int(fields[0]), int(fields[3])) for fields in (line.split("|") for line in file)]
    numbers = Numbers(2008)
    n_users = USERS // scale

    def create(name):
        return open(os.path.join(arguments[1], name), "w", encoding="ascii", newline="\n")

    with create("allusers_pipe.txt") as out:
        users(n_users, numbers, out)
    with create("listings_pipe.txt") as out:
        made = listings(LISTINGS // scale, n_users, events, numbers, out)
    with create("sales_tab.txt") as out:
        sales(SALES // scale, n_users, made, numbers, out)


if __name__ == "__main__":
    main()
