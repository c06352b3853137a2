# What Mastodon.py is made to do by mastodon-py.ts, which checks it: each result is a line of JSON.
import json
import sys

from mastodon import Mastodon, MastodonAPIError, MastodonNotFoundError, StreamListener

part, url, handle, password = sys.argv[1:]
scopes = ["read", "write", "follow"]


def tell(kind, **fields):
    print(json.dumps({"kind": kind, **fields}), flush=True)


class Listener(StreamListener):
    def on_update(self, status):
        tell("update", id=str(status["id"]), acct=status["account"]["acct"], content=status["content"])

    def on_delete(self, status_id):
        tell("delete", id=str(status_id))

    def on_notification(self, notification):
        tell("notification", type=notification["type"], acct=notification["account"]["acct"])

    def on_abort(self, error):
        tell("abort", error=repr(error))


client_id, client_secret = Mastodon.create_app("a script", api_base_url=url, scopes=scopes)
mastodon = Mastodon(client_id=client_id, client_secret=client_secret, api_base_url=url)
mastodon.log_in(handle, password, scopes=scopes)

if part == "listen":
    mastodon.stream_user(Listener())
    sys.exit(1)

me = mastodon.me()
tell("me", acct=me["acct"], id=str(me["id"]), scopes=" ".join(scopes))

post = dict(visibility="unlisted", spoiler_text="py", idempotency_key="a key")
first = mastodon.status_post("from a script", **post)
again = mastodon.status_post("from a script", **post)
tell(
    "posted",
    content=first["content"],
    visibility=first["visibility"],
    spoiler_text=first["spoiler_text"],
    same=first["id"] == again["id"],
    year=first["created_at"].year,
)

page = mastodon.timeline_hashtag("sheets", limit=10)
pages = []
while page:
    pages.append([status["id"] for status in page])
    page = mastodon.fetch_next(page)
ids = [status_id for page in pages for status_id in page]
tell("paged", pages=[len(page) for page in pages], distinct=len(set(ids)), sorted=ids == sorted(ids, reverse=True))

try:
    mastodon.status_post(" ")
except MastodonAPIError as error:
    tell("refused", status=error.args[1], error=error.args[3])
try:
    mastodon.account(4711)
except MastodonNotFoundError as error:
    tell("unknown", status=error.args[1], error=error.args[3])

tell("streams", healthy=mastodon.stream_healthy())
