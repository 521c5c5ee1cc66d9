(** What the theorems rest on, all of them at once: a question for each would take longer, and none may rest on
    anything. The output is compared with [assumptions.expected]. *)
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Replaced Reachable Converge
  Theorems Fragments Progress Replacement Simulation Recorded Torn Rest FairEnd Deployed Statement Claim ClaimHolds Trace Controls Forged
  ControlsReplacement ControlsRest Witness.
Definition controls := (order_broken, ran_twice, gap_stays, lost_to_2, forgotten_too_early, not_refused,
  learns_early, before_its_past, past_left_out,
  reads_too_early, uncounted_lost).
Definition forgeries := (forged_refused, forged_believed, forged_is_no_run, whole_accepted, dropped_refused).
Definition controls_of_replacement := (early_teaches, table_kept, lost_one_heard, newcomer_not_asked,
  newcomer_believed, copied_too_early, entry_reused, copied_when_behind, it_happens).
Definition controls_of_rest := (falls_silent, echoes, never_told, kept_and_waiting, out_of_order, unclaimed,
  taken_by_reader, such_a_run).
Definition proved := (
  @claim_holds,
  @safety,
  @handlers,
  @replacement,
  @recording,
  @handlers_go,
  @start_records,
  @copy_starts,
  @liveness,
  @handlers_rest,
  @in_the_end,
  @handlers_come_to_rest,
  @silent_gossip,
  @one_receipt,
  @fragments_deliver,
  @same_received_same_value_ts,
  @at_most_once,
  @unique_timestamps,
  @convergence_of_values,
  @log_exact,
  @origin_resends,
  @replica_test_is_value_test,
  @can_converge,
  @settle_settles,
  @update_is_journalled,
  @gossip_is_journalled,
  @recovery,
  @crash_amid,
  @update_torn,
  @gossip_torn,
  @check_sound,
  @accepted_is_correct,
  controls,
  forgeries,
  controls_of_replacement,
  controls_of_rest).
Print Assumptions proved.
