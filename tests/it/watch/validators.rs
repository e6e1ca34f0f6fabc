//! What a watch promises, in the manner of etcd's validators.
