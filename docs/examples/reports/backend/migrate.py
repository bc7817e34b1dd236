"""The migrations, run once for each version before its tasks start. They must also fit the version before."""

import os

import psycopg

MIGRATIONS = ("CREATE TABLE report (id bigserial PRIMARY KEY, title text NOT NULL)",)

with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=10) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS migration (number int PRIMARY KEY)")
    done = {row[0] for row in connection.execute("SELECT number FROM migration")}
    for number, statement in enumerate(MIGRATIONS, 1):
        if number not in done:
            connection.execute(statement)
            connection.execute("INSERT INTO migration VALUES (%s)", (number,))
            print(f"migration {number}: done")
