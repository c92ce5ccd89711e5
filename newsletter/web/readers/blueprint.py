"""The blueprint that the readers' pages share."""

from flask import Blueprint

pages = Blueprint("readers", __name__)
