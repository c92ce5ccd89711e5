"""The measures: a Flask route that inserts one row, and one that returns a constant, with nothing around them."""

from __future__ import annotations

import os

from flask import Flask, request
from sqlalchemy import Column, Integer, MetaData, Table, Text, insert, select

from newsletter.core.db import Database

ROWS = Table("bare", MetaData(), Column("id", Integer, primary_key=True), Column("address", Text))


def create_app() -> Flask:
    database = Database(os.environ["DATABASE_URL"])
    app = create_app_with_row(database)

    @app.post("/subscribe")
    def subscribe() -> str:
        with database.transaction() as session:
            session.execute(insert(ROWS).values(address=request.form["email"]))
        return "Thank you"

    @app.get("/")
    def page() -> str:
        return "A page"

    return app


def create_app_with_row(database: Database) -> Flask:
    """A route that reads one row by its key."""
    app = Flask("bare")
    ROWS.create(database.engine, checkfirst=True)
    with database.transaction() as session:
        if not session.scalar(select(ROWS.c.id).limit(1)):
            session.execute(insert(ROWS).values(address="a@example.org"))

    @app.get("/row/<int:number>")
    def row(number: int) -> str:
        with database.reading() as session:
            found = session.execute(select(ROWS.c.address).where(ROWS.c.id == number)).scalar_one()
        return str(found)

    return app
