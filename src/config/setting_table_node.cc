// Rows of the setting table: the node itself, cluster transport, storage, plugins.
#include "config/setting_rows.h"

namespace vmq::config::rows {
namespace {

void add_node(std::vector<Setting>& table) {
    const Setting rows[] = {
        text("nodename", "VerneMQ@127.0.0.1",
             "Name of this node, as name@host; part of $SYS topics and metrics.")
            .built(),
        text("distributed_cookie", "vmq",
             "Secret shared by the nodes of a cluster. With the default, which everybody knows, "
             "other nodes are let in from this machine only.")
            .secret()
            .built(),
        integer("shards", "0",
                "Number of shards; 0 is one per processor core. Not known to VerneMQ.")
            .range(0, 1024)
            .built()
            .hidden(),
        word("durability", "memory|os|fsync", "os",
             "How far a stored message must have got before it is acknowledged: memory, the log "
             "file "
             "(survives the end of the process), or the disk (survives power loss). Not known to "
             "VerneMQ.")
            .built()
            .hidden()
            .live(),
        text("platform_data_dir", "data", "Folder other settings refer to as $(platform_data_dir).")
            .built()
            .hidden(),
        text("setup.log_dir", "log", "Folder of log files, as $(setup.log_dir) in other settings.")
            .built()
            .hidden(),
        text("setup.data_dir", "$(platform_data_dir)",
             "Folder of what is kept besides the message store: API keys.")
            .built()
            .hidden(),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
}

void add_cluster(std::vector<Setting>& table) {
    const Setting rows[] = {
        integer("outgoing_clustering_buffer_size", "67108864",
                "Bytes of messages kept in memory for a node until it has them safe. What exceeds "
                "them is dropped with QoS 0 and goes to disk with QoS 1 and 2, see "
                "outgoing_clustering_spool_size.")
            .unit("bytes")
            .built()
            .hidden(),
        integer("outgoing_clustering_spool_size", "1073741824",
                "Bytes of messages kept on disk for a node that is away, or that does not keep up. "
                "What exceeds them is refused. 0: none; then publishers of messages for stored "
                "sessions of a node that is away wait until it is back. Not known to VerneMQ.")
            .unit("bytes")
            .range(0, 1'099'511'627'776)
            .built()
            .hidden(),
        integer("incoming_clustering_buffer_size", "67108864",
                "Longest frame accepted from another node.")
            .unit("bytes")
            .range(262'144, 1'073'741'824)
            .built()
            .hidden(),
        integer("cluster.heartbeat_interval", "500",
                "How often nodes tell each other that they are there; twice as long between their "
                "shards. Not known to VerneMQ.")
            .unit("ms")
            .range(50, 60'000)
            .built()
            .hidden(),
        integer("cluster.heartbeat_timeout", "3000",
                "A node from which nothing has come for so long is away. Not known to VerneMQ.")
            .unit("ms")
            .range(200, 600'000)
            .built()
            .hidden(),
        word("netsplit_policy", "all|quorum|none", "all",
             "How many members of the cluster must run for clients to be served: all of them, "
             "more than half, or any number. If they do not, allow_register_during_netsplit and "
             "the like say what clients may do. Not known to VerneMQ.")
            .built()
            .hidden()
            .live(),
        integer("cluster.subscribe_timeout", "1000",
                "How long a SUBACK waits until all nodes that run know the subscription. Not known "
                "to VerneMQ.")
            .unit("ms")
            .range(0, 60'000)
            .built()
            .hidden(),
        integer_or_infinity("cluster.wills_after", "30000",
                            "When a node has been away for so long, the others publish the wills "
                            "of its clients; infinity: when it is removed. Not known to VerneMQ.")
            .unit("ms")
            .range(0, 86'400'000)
            .built()
            .hidden(),
        integer("outgoing_clustering_flush_threshold", "65536",
                "Bytes gathered before they are sent to another node.")
            .unit("bytes")
            .hidden(),
        integer("outgoing_cluster_handshake_ack_timeout", "250",
                "Time to wait for a node to confirm a new link.")
            .unit("ms")
            .hidden(),
        integer_or_infinity("remote_enqueue_timeout", "5000",
                            "Time a queue on another node has to accept a message.")
            .unit("ms")
            .hidden()
            .live(),
        integer("cluster_ready_rpc_timeout", "5000",
                "Time limit of the check whether the cluster is complete.")
            .unit("ms")
            .hidden()
            .live(),
        term("outgoing_connect_options", "[{keepalive,true},{send_timeout,0}]",
             "Socket options of links to other nodes.")
            .hidden(),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
}

void add_metadata_store(std::vector<Setting>& table) {
    const Setting rows[] = {
        text("vmq_swc.directory", "$(platform_data_dir)/swc_meta", "Folder of the metadata store.")
            .hidden(),
        text("vmq_swc.dkm_directory", "$(platform_data_dir)/swc_dkm",
             "Folder of the metadata store's dot-key map.")
            .hidden(),
        word("vmq_swc.db_backend", "leveldb|rocksdb|leveled", "leveldb",
             "Storage engine of the metadata store.")
            .hidden(),
        integer("vmq_swc.swc_groups", "10", "Partitions of the metadata store.")
            .range(1, 100)
            .hidden(),
        integer("vmq_swc.sync_interval", "5000", "Period of comparing metadata with another node.")
            .unit("ms")
            .hidden(),
        integer("vmq_swc.sync_interval.leeway", "2500", "Random time added to that period.")
            .unit("ms")
            .hidden(),
        integer("vmq_swc.gc_interval", "15000", "Period of clearing deleted metadata.")
            .unit("ms")
            .hidden(),
        flag("vmq_swc.periodic_gc", "on", "Clears deleted metadata periodically.").hidden(),
        integer("vmq_swc.sync_timeout", "60000", "Time limit of one comparison.")
            .unit("ms")
            .hidden(),
        integer("vmq_swc.fast_call_timeout", "5000", "Time limit of short requests between nodes.")
            .unit("ms")
            .hidden(),
        flag("vmq_swc.enable_broadcast", "on",
             "Pushes metadata changes to the other nodes at once.")
            .hidden(),
        integer("vmq_swc.exchange_batch_size", "100", "Objects sent at once in a comparison.")
            .hidden(),
        flag("vmq_swc.init_sync_procedure", "off",
             "Copies everything to an empty node when it joins.")
            .hidden(),
        flag("vmq_swc.prevent_nonempty_join", "on",
             "Refuses to join with a node that has a history of its own.")
            .hidden(),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
}

void add_storage(std::vector<Setting>& table) {
    const Setting rows[] = {
        text("vmq_generic_msg_store.store_dir", "$(platform_data_dir)/msgstore",
             "Folder of sessions, their messages and retained messages; empty: nothing is kept "
             "beyond the process.")
            .built()
            .hidden(),
        word("vmq_generic_msg_store.db_backend", "leveldb|rocksdb|leveled", "leveldb",
             "Storage engine of the offline messages; it is RocksDB whatever this says.")
            .no_meaning(),
        integer("vmq_generic_msg_store.nr_of_buckets", "12",
                "Number of separate stores the messages are spread over; it is one.")
            .range(1, kUint16Max)
            .no_meaning(),
        integer("leveldb.maximum_memory", "0",
                "Memory for caches and write buffers of the message store; 0 leaves it to the "
                "broker.")
            .unit("bytes")
            .built(),
        integer("leveldb.maximum_memory.percent", "0",
                "The same as a share of the machine's memory, if leveldb.maximum_memory is 0.")
            .range(0, 100)
            .unit("percent")
            .built(),
        flag("leveldb.sync_on_write", "off", "on means durability = fsync.").built().live(),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
}

void add_plugins(std::vector<Setting>& table) {
    const Setting rows[] = {
        flag("plugins.vmq_passwd", "on", "Authenticates clients from a password file.").built(),
        flag("plugins.vmq_acl", "on", "Authorises clients from a file of access rules.").built(),
        flag("plugins.$N", kUnset, "Starts the named plugin.").built(),
        text("plugins.$N.path", kUnset, "Folder of a plugin that is not part of the broker.")
            .built(),
        integer("plugins.$N.priority", kUnset,
                "Place of the plugin in the order of start and of hooks, lowest first; plugins "
                "without one come behind, by name.")
            .range(kNoMinimum, kNoMaximum)
            .built(),
        integer("hook_timeout", "15000",
                "How long a plugin may take to answer for a client; it is then as if it had no "
                "opinion. Not known to VerneMQ.")
            .range(100, 600'000)
            .unit("ms")
            .built()
            .hidden(),
        text("vmq_passwd.password_file", "etc/vmq.passwd", "File of users and password hashes.")
            .built()
            .live(),
        integer("vmq_passwd.password_reload_interval", "10",
                "How often that file is looked at; 0 is never. A negative number counts as "
                "above 0.")
            .range(-kInt32Max, kInt32Max)
            .unit("s")
            .built()
            .live(),
        text("vmq_acl.acl_file", "etc/vmq.acl", "File of access rules.").built().live(),
        integer("vmq_acl.acl_reload_interval", "10",
                "How often that file is looked at; 0 is never. A negative number counts as "
                "above 0.")
            .range(-kInt32Max, kInt32Max)
            .unit("s")
            .built()
            .live(),
        flag("vmq_acl.wildcards_grant_sys", "on",
             "Rules that begin with a wildcard, such as 'topic #', grant $SYS topics too. Not "
             "known to VerneMQ, which does as with on.")
            .built()
            .hidden(),
        word("acl_revocation", "immediate|new_only", "immediate",
             "What a changed password or ACL file ends: immediate looks at the sessions and "
             "subscriptions that are there, new_only (as VerneMQ) at those to come. Not known to "
             "VerneMQ.")
            .built()
            .hidden(),
        integer("max_failed_logins_per_address", "0",
                "Failed logins of one address within failed_login_window after which it is "
                "refused unheard; 0 is no limit. Not known to VerneMQ.")
            .range(0, 1'000'000)
            .built()
            .hidden(),
        integer("max_failed_logins_per_user", "0",
                "The same for one user name from whatever address. Not known to VerneMQ.")
            .range(0, 1'000'000)
            .built()
            .hidden(),
        integer("failed_login_window", "60",
                "How long a failed login counts. Not known to VerneMQ.")
            .range(1, 86'400)
            .unit("s")
            .built()
            .hidden(),
        flag("plugins.vmq_diversity", "off", "Runs Lua scripts and their databases."),
        flag("plugins.vmq_webhooks", "off", "Asks HTTP services."),
        flag("plugins.vmq_bridge", "off", "Connects to other brokers."),
        text("vmq_webhooks.*", kUnset, "Settings of the plugin vmq_webhooks."),
        text("vmq_diversity.*", kUnset, "Settings of the plugin vmq_diversity."),
        text("vmq_bridge.*", kUnset, "Settings of the plugin vmq_bridge."),
        text("vmq_bcrypt.*", kUnset, "Settings of password hashing."),
        text("vmq_http_pub.*", kUnset, "Settings of publishing over HTTP."),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
}

}  // namespace

void add_node_settings(std::vector<Setting>& table) {
    add_node(table);
    add_cluster(table);
    add_metadata_store(table);
    add_storage(table);
    add_plugins(table);
}

}  // namespace vmq::config::rows
