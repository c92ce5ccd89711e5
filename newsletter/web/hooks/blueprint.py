"""The blueprint that the hooks share."""

from flask import Blueprint

pages = Blueprint("hooks", __name__)
