"""A place in a digest names its article, so that an article's digests are found without its revisions"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

INDEX, KEY = "ix_digest_articles_article", "fk_digest_articles_article_id"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("digest_articles", sa.Column("article_id", number, nullable=True))
    op.execute(
        "UPDATE digest_articles SET article_id = "
        "(SELECT article_id FROM revisions WHERE revisions.id = digest_articles.revision_id)"
    )
    with op.batch_alter_table("digest_articles", schema=None) as batch_op:
        batch_op.alter_column("article_id", existing_type=number, nullable=False)
        batch_op.create_foreign_key(KEY, "articles", ["article_id"], ["id"])
    op.create_index(INDEX, "digest_articles", ["article_id", "digest_id"])


def downgrade() -> None:
    op.drop_index(INDEX, table_name="digest_articles")
    with op.batch_alter_table("digest_articles", schema=None) as batch_op:
        batch_op.drop_constraint(KEY, type_="foreignkey")
        batch_op.drop_column("article_id")
