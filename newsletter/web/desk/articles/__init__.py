"""Stories at the desk: the list, the editor with its preview, publishing, and bringing in saved pages."""

from newsletter.web.desk.articles import bring_in, editor, presence, preview, publishing, story_list

__all__ = ["bring_in", "editor", "presence", "preview", "publishing", "story_list"]
