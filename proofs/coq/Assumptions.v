(** What each theorem rests on. The output is compared with [assumptions.expected]. *)
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Replaced Reachable Converge
  Theorems Progress.
From Chinwag Require Import Replacement Simulation Rest Deployed Statement Trace Controls Forged
  ControlsReplacement
  ControlsRest.
Definition controls := (order_broken, ran_twice, gap_stays, lost_to_2, forgotten_too_early, not_refused,
  learns_early, before_its_past).
Print Assumptions safety.
Print Assumptions handlers.
Print Assumptions replacement.
Print Assumptions recording.
Print Assumptions liveness.
Print Assumptions handlers_rest.
Print Assumptions in_the_end.
Print Assumptions handlers_come_to_rest.
Print Assumptions silent_gossip.
Print Assumptions fragments_deliver.
Print Assumptions same_received_same_value_ts.
Print Assumptions at_most_once.
Print Assumptions unique_timestamps.
Print Assumptions convergence_of_values.
Print Assumptions log_exact.
Print Assumptions origin_resends.
Print Assumptions replica_test_is_value_test.
Print Assumptions can_converge.
Print Assumptions settle_settles.
Print Assumptions update_is_journalled.
Print Assumptions gossip_is_journalled.
Print Assumptions recovery.
Definition forgeries := (forged_refused, forged_believed, forged_is_no_run, whole_accepted, dropped_refused).
Print Assumptions controls.
Print Assumptions check_sound.
Print Assumptions accepted_is_correct.
Print Assumptions forgeries.
Definition controls_of_replacement := (early_teaches, table_kept, lost_one_heard, newcomer_not_asked,
  newcomer_believed,
  copied_too_early, entry_reused, copied_when_behind, it_happens).
Print Assumptions controls_of_replacement.
Definition controls_of_rest := (falls_silent, echoes, never_told, kept_and_waiting, out_of_order, unclaimed,
  such_a_run).
Print Assumptions controls_of_rest.
