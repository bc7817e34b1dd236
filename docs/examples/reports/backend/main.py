"""Reports: what is asked for is kept in PostgreSQL."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import psycopg
from fastapi import FastAPI, Response
from pydantic import BaseModel

app = FastAPI(title="Reports")


class Report(BaseModel):
    title: str


def database() -> psycopg.Connection:
    return psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=2)


@app.get("/api/healthcheck")
def healthcheck(response: Response) -> dict[str, str]:
    """The answer that a release proves with. A task that cannot reach its database does not pass."""
    try:
        with database() as connection:
            connection.execute("SELECT 1")
        status = "pass"
    except (KeyError, psycopg.Error):
        status, response.status_code = "fail", 503
    return {"status": status, "version": os.environ.get("VERSION", ""), "datetime": datetime.now(UTC).isoformat()}


@app.get("/api/reports")
def reports() -> list[str]:
    with database() as connection:
        return [row[0] for row in connection.execute("SELECT title FROM report ORDER BY id")]


@app.post("/api/reports", status_code=201)
def add(report: Report) -> Report:
    with database() as connection:
        connection.execute("INSERT INTO report (title) VALUES (%s)", (report.title,))
    return report
