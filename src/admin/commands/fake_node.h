// A node for tests: says what it is told to say, and remembers what it was asked to do.
#pragma once

#include <gtest/gtest.h>
#include <algorithm>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "admin/commands/node.h"
#include "admin/commands/sample_table.h"
#include "admin/commands/table.h"

namespace vmq::admin::commands {

/// Says one thing and ends.
class FakeStream final : public Stream {
public:
    Piece take() override { return {"streamed\n", 0}; }
};

/// Keys in clear: what is kept of them is tested with ApiKeyStore.
class FakeApiKeys final : public ApiKeys {
public:
    Result<std::string> create(ApiScope scope, std::optional<WallSeconds> expires) override {
        if (!outcome) return outcome.error();
        kept.push_back({"made", scope, expires});
        return std::string("made");
    }
    Result<void> add(const std::string& key, ApiScope scope,
                     std::optional<WallSeconds> expires) override {
        if (outcome) kept.push_back({key, scope, expires});
        return outcome;
    }
    Result<void> remove(const std::string& key, ApiScope scope) override {
        const auto gone = std::erase_if(
            kept, [&](const ApiKeyView& each) { return each.name == key && each.scope == scope; });
        if (gone > 0) return {};
        return Error{ErrorCode::NotFound, "key_not_found"};
    }
    std::vector<ApiKeyView> all() override { return kept; }

    std::vector<ApiKeyView> kept;
    Result<void> outcome;
};

class FakeNode : public Node {
public:
    FakeNode() {
        now.node = "a@b";
        now.version = "0.1.0";
    }

    broker::NodeSnapshot snapshot() override { return now; }
    std::vector<Metric> metrics() override { return counted; }
    void reset_metrics() override { calls.emplace_back("reset_metrics"); }
    std::vector<ClusterMember> cluster() override { return members; }
    Result<void> join(const std::string& name, const std::string& host,
                      std::uint16_t port) override {
        calls.push_back("join " + name + " " + host + " " + std::to_string(port));
        return outcome;
    }
    Result<void> forget_node(const std::string& name) override {
        calls.push_back("forget " + name);
        return outcome;
    }
    Result<std::string> suspend_node(const std::string& name) override {
        calls.push_back("suspend node " + name);
        if (!outcome) return outcome.error();
        return std::string("Done! Use -k");
    }
    Result<std::shared_ptr<Stream>> leave(const std::string& name, Seconds interval,
                                          Seconds timeout) override {
        calls.push_back("leave " + name + " " + std::to_string(interval.count()) + " " +
                        std::to_string(timeout.count()));
        if (!outcome) return outcome.error();
        return std::shared_ptr<Stream>(std::make_shared<FakeStream>());
    }
    std::shared_ptr<const config::Config> config() override { return in_force; }
    Result<SettingsViews> settings(const std::vector<std::string>& wanted,
                                   const Scope& scope) override {
        if (!outcome) return outcome.error();
        SettingsView view{scope.node.empty() ? now.node : scope.node, {}, {}};
        for (const std::string& key : wanted) {
            const auto value = in_force->text(key);
            view.values.push_back(value ? std::optional(value.value()) : std::nullopt);
            view.origins.push_back(value ? in_force->origin(key).value() : "");
        }
        return SettingsViews{{std::move(view)}, scope.all ? silent : std::vector<std::string>{}};
    }
    Result<std::vector<NodeOutcome>> change(const std::vector<SettingChange>& changes,
                                            const Scope& scope) override {
        if (!outcome) return outcome.error();
        for (const auto& [key, value] : changes) {
            in_force = in_force->with(key, value, scope.all).value();
        }
        calls.push_back("set on " + (scope.all ? "all" : scope.node));
        return scope.all ? outcomes : std::vector<NodeOutcome>{{now.node}};
    }
    Result<std::vector<NodeOutcome>> unset(const std::vector<std::string>& wanted,
                                           const Scope& scope) override {
        std::string call = "unset on " + (scope.all ? "all" : scope.node);
        for (const std::string& key : wanted) call += " " + key;
        calls.push_back(std::move(call));
        if (!outcome) return outcome.error();
        return scope.all ? outcomes : std::vector<NodeOutcome>{{now.node}};
    }
    std::vector<ListenerView> listeners() override { return open; }
    Result<void> start_listener(const config::ListenerSettings& wanted) override {
        started.push_back(wanted);
        return outcome;
    }
    Result<void> act(ListenerAction action, std::string_view address, std::uint16_t port) override {
        const std::map<ListenerAction, std::string> words{{ListenerAction::Suspend, "suspend"},
                                                          {ListenerAction::Resume, "resume"},
                                                          {ListenerAction::Stop, "stop"},
                                                          {ListenerAction::Remove, "remove"}};
        calls.push_back(words.at(action) + " " + std::string(address) + " " + std::to_string(port));
        return outcome;
    }
    std::vector<CertificateView> certificates() override { return shown; }
    void reload_certificates() override { calls.emplace_back("reload_certificates"); }
    Result<bool> disconnect(const SessionName& session, bool cleanup) override {
        return did("disconnect " + session.mountpoint + "/" + session.client_id +
                   (cleanup ? " cleanup" : ""));
    }
    Result<std::size_t> disconnect_some(std::size_t count, const std::vector<std::string>& spared,
                                        bool cleanup, const std::string& of_node) override {
        std::string call = "disconnect " + std::to_string(count) + (cleanup ? " cleanup" : "") +
                           (of_node.empty() ? "" : " of " + of_node);
        for (const std::string& each : spared) call += " not " + each;
        calls.push_back(call);
        return count;
    }
    Result<std::optional<ClientView>> client(const SessionName& session, bool topics) override {
        calls.push_back("client " + session.mountpoint + "/" + session.client_id +
                        (topics ? " topics" : ""));
        if (!outcome) return outcome.error();
        return known;
    }
    Result<bool> unsubscribe(const SessionName& session, const std::string& filter,
                             bool tell_plugins) override {
        return did("unsubscribe " + session.mountpoint + "/" + session.client_id + " " + filter +
                   (tell_plugins ? " plugins" : ""));
    }
    Result<Rows> rows(const std::string& table, const std::vector<FieldFlag>& flags) override {
        std::string call = "rows " + table;
        for (const auto& [name, value] : flags) call += " " + name + (value ? "=" + *value : "");
        calls.push_back(call);
        if (!outcome) return outcome.error();
        return Rows{{{"client_id"}, {{std::string("a")}}}, {"shard 1 has not answered"}};
    }
    Result<Rows> preview_acl(const std::string& path) override {
        calls.push_back("preview " + path);
        if (!outcome) return outcome.error();
        return Rows{{{"client_id"}, {{std::string("a")}}}, {}};
    }
    Result<Rows> preview_passwords(const std::string& path) override {
        calls.push_back("preview passwords " + path);
        if (!outcome) return outcome.error();
        return Rows{{{"client_id"}, {{std::string("a")}}}, {}};
    }
    Result<void> reload_acl() override {
        calls.emplace_back("reload acl");
        return outcome;
    }
    Result<void> reload_passwords() override {
        calls.emplace_back("reload passwords");
        return outcome;
    }
    Result<Reauthorized> reauthorize(const SessionName& session,
                                     std::optional<std::string> username) override {
        calls.push_back("reauthorize " + session.mountpoint + "/" + session.client_id + " as " +
                        username.value_or("itself"));
        if (!outcome) return outcome.error();
        return reauthorized;
    }
    std::vector<PluginView> plugins() override { return chain; }
    Result<void> enable_plugin(const std::string& name, const std::string& path) override {
        calls.push_back("enable " + name + " " + path);
        return outcome;
    }
    Result<void> disable_plugin(const std::string& name) override {
        calls.push_back("disable " + name);
        return outcome;
    }
    Result<std::size_t> delete_expired_retained() override {
        if (!outcome) return outcome.error();
        return 3;
    }
    Result<bool> delete_retained(const std::string& mountpoint, const std::string& topic) override {
        return did("delete " + mountpoint + "/" + topic);
    }
    ApiKeys& api_keys() override { return keys; }
    std::vector<LogOutput> log_outputs() override { return logs; }
    void set_log_level(const std::string& logger, log::Level level) override {
        calls.push_back("level " + logger + " " + std::to_string(static_cast<int>(level)));
    }
    std::vector<LogModule> log_modules() override {
        return {{"session", "default"}, {"store", "debug"}};
    }
    void set_module_log_level(const std::string& module, std::optional<log::Level> level) override {
        calls.push_back("level of " + module + " " +
                        (level ? std::to_string(static_cast<int>(*level)) : "default"));
    }
    Result<std::shared_ptr<Stream>> trace(broker::TraceOptions options,
                                          std::optional<Seconds> duration) override {
        traced = std::move(options);
        trace_duration = duration;
        if (!outcome) return outcome.error();
        return std::shared_ptr<Stream>(std::make_shared<FakeStream>());
    }
    Result<std::shared_ptr<Stream>> top(TopOptions options) override {
        topped = options;
        if (!outcome) return outcome.error();
        return std::shared_ptr<Stream>(std::make_shared<FakeStream>());
    }
    std::size_t stop_traces() override {
        calls.emplace_back("stop_traces");
        return 2;
    }
    Result<void> backup(const std::string& directory) override {
        calls.push_back("backup " + directory);
        return outcome;
    }

    std::vector<ClusterMember> members{{"a@b", true}};
    broker::NodeSnapshot now;
    std::vector<Metric> counted;
    std::shared_ptr<const config::Config> in_force = config::Config::without_file();
    std::vector<NodeOutcome> outcomes{{"a@b"}};  // of what is for all nodes
    std::vector<std::string> silent;
    std::vector<ListenerView> open;
    std::vector<CertificateView> shown;
    std::vector<LogOutput> logs;
    std::vector<PluginView> chain;
    broker::TraceOptions traced;
    std::optional<Seconds> trace_duration;
    TopOptions topped;
    FakeApiKeys keys;
    std::optional<ClientView> known;
    Result<void> outcome;  // of what may fail
    bool there = true;     // what is acted on
    Reauthorized reauthorized = Reauthorized::Changed;
    std::vector<std::string> calls;
    std::vector<config::ListenerSettings> started;

private:
    Result<bool> did(std::string call) {
        calls.push_back(std::move(call));
        if (!outcome) return outcome.error();
        return there;
    }
};

/// Runs command lines on a FakeNode.
class CommandTest : public ::testing::Test {
protected:
    Printed run(const std::string& line) { return execute(words(line), false, node); }
    std::string out(const std::string& line) { return run(line).out; }
    std::vector<std::string> calls() { return std::exchange(node.calls, {}); }

    FakeNode node;
};

using Calls = std::vector<std::string>;

}  // namespace vmq::admin::commands
