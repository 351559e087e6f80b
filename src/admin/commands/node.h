// What commands may ask of the node they run on, and do to it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/commands/answer.h"
#include "admin/commands/api_keys.h"
#include "admin/commands/stream.h"
#include "base/result.h"
#include "broker/inspect.h"
#include "broker/trace.h"
#include "config/config.h"

namespace vmq::admin::commands {

struct SessionName {
    std::string mountpoint;
    std::string client_id;
};

struct MetricSample {
    std::vector<std::pair<std::string, std::string>> labels;  // without the node's
    std::uint64_t value = 0;
};
enum class MetricType : std::uint8_t { Counter, Gauge };
/// All samples of one name.
struct Metric {
    MetricType type = MetricType::Counter;
    std::string name;
    std::string description;
    std::vector<MetricSample> samples;
};

struct ListenerView {
    broker::ListenerSnapshot now;
    config::ListenerSettings settings;  // as it was opened
};

/// The first certificate of a listener's file.
struct CertificateView {
    std::string file;
    std::string problem;          // why it cannot be read; then nothing below is there
    std::int64_t not_before = 0;  // seconds since 1970
    std::int64_t not_after = 0;
    std::string common_name;  // empty: none
    std::string issuer;       // its common name; empty: none
    std::vector<std::string> alternative_names;
};

struct LogOutput {
    std::string logger;  // VerneMQ's name: console, consolefile
    std::string level;
    std::string type;
    std::string file;  // empty: none
};
struct LogModule {
    std::string name;
    std::string level;  // "default": as the outputs have it
};

/// One client, for who asks for it by name.
struct ClientView {
    bool online = false;
    std::vector<std::pair<std::string, std::uint8_t>> topics;  // filter, QoS; if asked for
};

using FieldFlag = std::pair<std::string, std::optional<std::string>>;
struct Rows {
    Table table;
    std::vector<std::string> missing;  // a sentence each; empty: it is complete
};

struct TopOptions {
    Seconds interval{2};
    bool once = false;  // ends after the first
};

using SettingChange = std::pair<std::string, std::string>;  // key, value

/// Which nodes a command is for.
struct Scope {
    bool all = false;       // members of the cluster, and with settings those that join
    std::string node = {};  // this one alone; empty: the one that is asked
};
/// Settings of one node, in the order of the keys.
struct SettingsView {
    std::string node;
    std::vector<std::optional<std::string>> values;  // none: unset
    std::vector<std::string> origins;                // see config::EffectiveSetting
};
struct SettingsViews {
    std::vector<SettingsView> nodes;
    std::vector<std::string> silent;  // names of those that have not answered
};
/// What became of a change on one node.
struct NodeOutcome {
    std::string node;
    bool down = false;         // it hears of it when it is back
    std::string problem = {};  // a sentence; empty: it is done there
};

struct ClusterMember {
    std::string name;
    bool running = false;
    std::string address = {};  // HOST:PORT of its clustering listener; empty: not known
    std::optional<std::chrono::system_clock::time_point> since = {};  // it runs, or is away
    std::uint64_t waiting_bytes = 0;                                  // of messages for it
    std::uint64_t spooled_bytes = 0;                                  // and on disk
    std::size_t links = 0;                                            // that carry messages to it
    std::string why = {};                                             // it is away
};

/// Implemented where the program is put together, faked in tests. Called by several threads at the
/// same time, none of them a shard's. A call waits for shards at most as long as a few seconds; an
/// Error then says that they did not answer, and what was asked for may still happen.
class Node {
public:
    Node() = default;
    virtual ~Node() = default;
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    /// With the listeners of HTTP.
    [[nodiscard]] virtual broker::NodeSnapshot snapshot() = 0;
    [[nodiscard]] virtual std::vector<Metric> metrics() = 0;
    /// Counters of the node begin again at 0.
    virtual void reset_metrics() = 0;

    /// Members of the cluster by name, this node included.
    [[nodiscard]] virtual std::vector<ClusterMember> cluster() = 0;
    /// Errors begin with VerneMQ's word for the reason: "not_reachable: ...".
    [[nodiscard]] virtual Result<void> join(const std::string& node, const std::string& host,
                                            std::uint16_t port) = 0;
    /// Takes a node that does not run out of the cluster.
    [[nodiscard]] virtual Result<void> forget_node(const std::string& node) = 0;
    /// Has a node that runs, this one perhaps, take no new clients any more. VerneMQ's answer.
    [[nodiscard]] virtual Result<std::string> suspend_node(const std::string& node) = 0;
    /// Has it leave the cluster with its sessions: what happens, a line every `interval`; given up
    /// after `timeout` without progress.
    [[nodiscard]] virtual Result<std::shared_ptr<Stream>> leave(const std::string& node,
                                                                Seconds interval,
                                                                Seconds timeout) = 0;

    // Configuration as it is in force now.
    [[nodiscard]] virtual std::shared_ptr<const config::Config> config() = 0;
    /// Requires a scope of nodes that run. The keys are known.
    [[nodiscard]] virtual Result<SettingsViews> settings(const std::vector<std::string>& keys,
                                                         const Scope& scope) = 0;
    /// All or, with an Error, none. The keys are settable. For all nodes: until it is taken back,
    /// restarts included.
    [[nodiscard]] virtual Result<std::vector<NodeOutcome>> change(
        const std::vector<SettingChange>& changes, const Scope& scope) = 0;
    /// Takes change() back.
    [[nodiscard]] virtual Result<std::vector<NodeOutcome>> unset(
        const std::vector<std::string>& keys, const Scope& scope) = 0;

    // Listeners; see broker/listeners.h for what the calls mean.
    [[nodiscard]] virtual std::vector<ListenerView> listeners() = 0;
    [[nodiscard]] virtual Result<void> start_listener(const config::ListenerSettings& settings) = 0;
    enum class ListenerAction : std::uint8_t { Suspend, Resume, Stop, Remove };
    [[nodiscard]] virtual Result<void> act(ListenerAction action, std::string_view address,
                                           std::uint16_t port) = 0;
    [[nodiscard]] virtual std::vector<CertificateView> certificates() = 0;
    virtual void reload_certificates() = 0;

    // Sessions, on whatever node of the cluster they are. False: there is no such client, or no
    // such subscription.
    [[nodiscard]] virtual Result<bool> disconnect(const SessionName& session, bool cleanup) = 0;
    /// Up to `count` that are connected of each node, or of `node` alone, none whose client id is
    /// in `spared`. How many it were.
    [[nodiscard]] virtual Result<std::size_t> disconnect_some(
        std::size_t count, const std::vector<std::string>& spared, bool cleanup,
        const std::string& node) = 0;
    /// Nothing: there is no such client. Asks the one shard of each node that knows.
    [[nodiscard]] virtual Result<std::optional<ClientView>> client(const SessionName& session,
                                                                   bool topics) = 0;
    [[nodiscard]] virtual Result<bool> unsubscribe(const SessionName& session,
                                                   const std::string& filter,
                                                   bool tell_plugins) = 0;

    enum class Reauthorized : std::uint8_t { NoSession, Unchanged, Changed };
    /// Plugins are asked about each subscription again, as `username` if there is one.
    [[nodiscard]] virtual Result<Reauthorized> reauthorize(const SessionName& session,
                                                           std::optional<std::string> username) = 0;

    struct PluginView {
        std::string name;
        std::string file;                // the shared object; empty: built in
        std::vector<std::string> hooks;  // as hooks::name_of() says
    };
    /// Those that are on, in the order in which they are asked.
    [[nodiscard]] virtual std::vector<PluginView> plugins() = 0;
    /// The Error says why, in one word where VerneMQ has one. `path`: of a shared object, or empty.
    [[nodiscard]] virtual Result<void> enable_plugin(const std::string& name,
                                                     const std::string& path) = 0;
    [[nodiscard]] virtual Result<void> disable_plugin(const std::string& name) = 0;

    // Retained messages.
    /// Rows of one of the tables of admin/query: its fields as flags, with or without a value.
    /// Sessions are those of all nodes.
    [[nodiscard]] virtual Result<Rows> rows(const std::string& table,
                                            const std::vector<FieldFlag>& flags) = 0;
    /// What would end if the ACL file at `path` took the place of the one in force.
    [[nodiscard]] virtual Result<Rows> preview_acl(const std::string& path) = 0;
    /// Whose sessions would end if the password file at `path` took the place of the one in force.
    [[nodiscard]] virtual Result<Rows> preview_passwords(const std::string& path) = 0;
    /// Reads the file again, changed or not.
    [[nodiscard]] virtual Result<void> reload_acl() = 0;
    [[nodiscard]] virtual Result<void> reload_passwords() = 0;

    /// How many it were.
    [[nodiscard]] virtual Result<std::size_t> delete_expired_retained() = 0;
    [[nodiscard]] virtual Result<bool> delete_retained(const std::string& mountpoint,
                                                       const std::string& topic) = 0;

    /// Lives as long as the node.
    [[nodiscard]] virtual ApiKeys& api_keys() = 0;

    [[nodiscard]] virtual std::vector<LogOutput> log_outputs() = 0;
    /// `logger` is one of log_outputs().
    virtual void set_log_level(const std::string& logger, log::Level level) = 0;
    [[nodiscard]] virtual std::vector<LogModule> log_modules() = 0;
    /// `module` is one of log_modules(). Nothing: as the outputs have it.
    virtual void set_module_log_level(const std::string& module,
                                      std::optional<log::Level> level) = 0;

    /// Begins to trace clients; ends by itself after `duration`, if there is one.
    [[nodiscard]] virtual Result<std::shared_ptr<Stream>> trace(
        broker::TraceOptions options, std::optional<Seconds> duration) = 0;
    /// How many it were.
    virtual std::size_t stop_traces() = 0;
    /// What happens, as lines of JSON.
    [[nodiscard]] virtual Result<std::shared_ptr<Stream>> top(TopOptions options) = 0;

    /// A copy of the message store; takes as long as it takes.
    [[nodiscard]] virtual Result<void> backup(const std::string& directory) = 0;
};

}  // namespace vmq::admin::commands
