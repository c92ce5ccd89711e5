"""The blueprint of the feeds."""

from flask import Blueprint

pages = Blueprint("feeds", __name__)
