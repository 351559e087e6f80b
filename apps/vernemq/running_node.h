// The node as the commands of vmq-admin see it, put together of the parts of this program.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/api_key_store.h"
#include "admin/commands/node.h"
#include "admin/http_server.h"
#include "admin/metrics_collector.h"
#include "broker/activity_watch.h"
#include "broker/broker.h"
#include "broker/cluster_service.h"
#include "broker/inspect.h"
#include "broker/session_control.h"
#include "broker/tracer.h"
#include "vernemq/cluster_follower.h"
#include "vernemq/live_config.h"
#include "vernemq/other_nodes.h"
#include "vernemq/plugins.h"
#include "vernemq/process_log.h"

namespace vmq::launcher {

/// Owned by the main thread; what it refers to outlives it.
class RunningNode final : public admin::commands::Node {
public:
    /// `cluster`: null without a clustering listener.
    RunningNode(broker::Broker& broker, broker::ClusterService* cluster,
                const broker::Inspector& inspector, admin::MetricsCollector& metrics,
                Plugins& plugins, LiveConfig& config, ClusterFollower& follower,
                admin::HttpServer& http, admin::ApiKeyStore& keys, ProcessLog& log)
        : broker_(broker),
          cluster_(cluster),
          others_(cluster),
          inspector_(inspector),
          metrics_(metrics),
          plugins_(plugins),
          config_(config),
          follower_(follower),
          sessions_(broker),
          tracer_(broker),
          watches_(broker),
          http_(http),
          keys_(keys),
          log_(log) {}

    broker::NodeSnapshot snapshot() override;
    std::vector<admin::commands::Metric> metrics() override;
    void reset_metrics() override { metrics_.reset(); }

    std::vector<admin::commands::ClusterMember> cluster() override;
    Result<void> join(const std::string& node, const std::string& host,
                      std::uint16_t port) override;
    Result<void> forget_node(const std::string& node) override;
    Result<std::string> suspend_node(const std::string& node) override;
    Result<std::shared_ptr<admin::commands::Stream>> leave(const std::string& node,
                                                           Seconds interval,
                                                           Seconds timeout) override;

    std::shared_ptr<const config::Config> config() override { return config_.get(); }
    Result<admin::commands::SettingsViews> settings(const std::vector<std::string>& keys,
                                                    const admin::commands::Scope& scope) override;
    Result<std::vector<admin::commands::NodeOutcome>> change(
        const std::vector<admin::commands::SettingChange>& changes,
        const admin::commands::Scope& scope) override;
    Result<std::vector<admin::commands::NodeOutcome>> unset(
        const std::vector<std::string>& keys, const admin::commands::Scope& scope) override;

    std::vector<admin::commands::ListenerView> listeners() override;
    Result<void> start_listener(const config::ListenerSettings& settings) override;
    Result<void> act(ListenerAction action, std::string_view address, std::uint16_t port) override;
    std::vector<admin::commands::CertificateView> certificates() override;
    void reload_certificates() override {
        broker_.listeners().reload_tls(true);
        if (cluster_ != nullptr) cluster_->reload_tls();
        http_.reload_tls(true);
    }

    Result<bool> disconnect(const admin::commands::SessionName& session, bool cleanup) override;
    Result<std::size_t> disconnect_some(std::size_t count, const std::vector<std::string>& spared,
                                        bool cleanup, const std::string& node) override;
    Result<std::optional<admin::commands::ClientView>> client(
        const admin::commands::SessionName& session, bool topics) override;
    Result<bool> unsubscribe(const admin::commands::SessionName& session, const std::string& filter,
                             bool tell_plugins) override;
    Result<admin::commands::Rows> rows(
        const std::string& table, const std::vector<admin::commands::FieldFlag>& flags) override;
    Result<admin::commands::Rows> preview_acl(const std::string& path) override;
    Result<admin::commands::Rows> preview_passwords(const std::string& path) override;
    Result<void> reload_acl() override { return plugins_.reload_acl(); }
    Result<void> reload_passwords() override;
    Result<Reauthorized> reauthorize(const admin::commands::SessionName& session,
                                     std::optional<std::string> username) override;
    std::vector<PluginView> plugins() override;
    Result<void> enable_plugin(const std::string& name, const std::string& path) override;
    Result<void> disable_plugin(const std::string& name) override { return plugins_.disable(name); }
    Result<std::size_t> delete_expired_retained() override {
        return sessions_.delete_expired_retained();
    }
    Result<bool> delete_retained(const std::string& mountpoint, const std::string& topic) override;

    admin::commands::ApiKeys& api_keys() override { return keys_; }

    std::vector<admin::commands::LogOutput> log_outputs() override { return log_.outputs(); }
    void set_log_level(const std::string& logger, log::Level level) override {
        log_.set_level(logger, level);
    }
    std::vector<admin::commands::LogModule> log_modules() override { return log_.modules(); }
    void set_module_log_level(const std::string& module, std::optional<log::Level> level) override {
        log_.set_module_level(module, level);
    }

    Result<std::shared_ptr<admin::commands::Stream>> trace(
        broker::TraceOptions options, std::optional<Seconds> duration) override;
    std::size_t stop_traces() override { return tracer_.stop_all(); }
    Result<std::shared_ptr<admin::commands::Stream>> top(
        admin::commands::TopOptions options) override;

    Result<void> backup(const std::string& directory) override;

    /// What a command of another node asks this one (vernemq/node_question.h). Any thread but a
    /// shard's and the cluster's.
    [[nodiscard]] Result<std::string> answer(const std::string& question);

private:
    // Of this node alone.
    [[nodiscard]] Result<admin::commands::Rows> own_rows(
        const std::string& table, const std::vector<admin::commands::FieldFlag>& flags);
    [[nodiscard]] Result<std::optional<admin::commands::ClientView>> own_client(
        const admin::commands::SessionName& session, bool topics);
    [[nodiscard]] Result<Reauthorized> reauthorize_own(const admin::commands::SessionName& session,
                                                       std::optional<std::string> username);
    [[nodiscard]] admin::commands::SettingsView own_settings(const std::vector<std::string>& keys);

    [[nodiscard]] Result<admin::commands::Rows> session_rows(
        std::vector<admin::commands::FieldFlag> flags);
    /// What other nodes say of settings that have changed everywhere, once it is as it should be.
    [[nodiscard]] std::vector<admin::commands::NodeOutcome> confirm(
        const std::vector<std::string>& keys);

    broker::Broker& broker_;
    broker::ClusterService* const cluster_;
    const OtherNodes others_;
    const broker::Inspector& inspector_;
    admin::MetricsCollector& metrics_;
    Plugins& plugins_;
    LiveConfig& config_;
    ClusterFollower& follower_;
    const broker::SessionControl sessions_;
    broker::Tracer tracer_;
    broker::ActivityWatches watches_;
    admin::HttpServer& http_;
    admin::ApiKeyStore& keys_;
    ProcessLog& log_;
};

}  // namespace vmq::launcher
