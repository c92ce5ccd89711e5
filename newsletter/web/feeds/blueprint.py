"""The blueprint of feeds and of files for search engines."""

from flask import Blueprint

pages = Blueprint("feeds", __name__)
