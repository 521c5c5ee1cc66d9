(** The functions that the tests evaluate beside the handlers in Rust. *)
From Chinwag Require Import Vec Core Handlers Fragments Trace Services.
Require Extraction.
Extraction Language JSON.
Extraction "core.json" rm0 on_start on_update on_query_message hear on_pull on_gossip_timer on_copy may_ask
  fragments replay_journal t0 check1 put_or_delete stamp_again.
