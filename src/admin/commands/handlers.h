// The parts of the command table; each file of commands adds its own.
#pragma once

#include <vector>

#include "admin/commands/command.h"

namespace vmq::admin::commands {

struct Declarations {
    std::vector<Group> groups;
    std::vector<Command> commands;
};

void add_node_commands(Declarations& table);
void add_cluster_commands(Declarations& table);
void add_session_commands(Declarations& table);
void add_query_commands(Declarations& table);
void add_retain_commands(Declarations& table);
void add_acl_commands(Declarations& table);
void add_plugin_commands(Declarations& table);
void add_listener_commands(Declarations& table);
void add_metrics_commands(Declarations& table);
void add_api_key_commands(Declarations& table);
void add_tls_commands(Declarations& table);
void add_log_commands(Declarations& table);
void add_trace_commands(Declarations& table);
void add_top_commands(Declarations& table);
void add_setting_commands(Declarations& table);
void add_completion_commands(Declarations& table);

}  // namespace vmq::admin::commands
