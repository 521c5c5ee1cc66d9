(** The functions that the tests evaluate beside the handlers in Rust. *)
From Chinwag Require Import Vec Core Handlers Trace.
Require Extraction.
Extraction Language JSON.
Extraction "core.json" rm0 on_start on_update on_query_message on_gossip on_pull on_gossip_timer
  replay_journal t0 check1.
