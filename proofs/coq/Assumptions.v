(** What each theorem rests on. The output is compared with [assumptions.expected]. *)
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Converge Theorems Progress.
From Chinwag Require Import Simulation Statement Controls.
Definition controls := (order_broken, ran_twice, gap_stays, lost_to_2, forgotten_too_early, not_refused, learns_early, before_its_past).
Print Assumptions safety.
Print Assumptions handlers.
Print Assumptions liveness.
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
Print Assumptions controls.
