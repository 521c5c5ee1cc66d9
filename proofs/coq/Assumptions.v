(** What each theorem rests on. The output is compared with [assumptions.expected]. *)
From Chinwag Require Import Vec Core Local System Invariant Converge Theorems Progress Exec Naive.
Print Assumptions value_le_replica.
Print Assumptions replica_ts_correct.
Print Assumptions unique_timestamps.
Print Assumptions at_most_once.
Print Assumptions causal_order.
Print Assumptions session_causal_order.
Print Assumptions convergence_of_values.
Print Assumptions query_consistency.
Print Assumptions gc_safe.
Print Assumptions egc_safe.
Print Assumptions replica_test_is_value_test.
Print Assumptions quiescent_convergence.
Print Assumptions can_converge.
Print Assumptions check_sound.
Print Assumptions naive_is_wrong.
