#include "vernemq/running_node.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "admin/http_config.h"
#include "admin/query/drop_table.h"
#include "admin/query/flags.h"
#include "admin/query/retained_table.h"
#include "admin/query/session_table.h"
#include "admin/top_stream.h"
#include "admin/trace_stream.h"
#include "broker/options_from_config.h"
#include "runtime/coordination.h"
#include "transport/peer_address.h"
#include "transport/tls_credentials.h"
#include "vernemq/leave_stream.h"

namespace vmq::launcher {
namespace {

using admin::commands::CertificateView;
using admin::commands::ListenerView;

std::int64_t seconds_of(transport::WallTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

std::vector<admin::commands::ClusterMember> RunningNode::cluster() {
    if (cluster_ == nullptr) return {{inspector_.snapshot().node, true}};
    std::vector<admin::commands::ClusterMember> members;
    for (const broker::ClusterNode& each : cluster_->nodes()) {
        const bool v6 = each.address.host.find(':') != std::string::npos;
        members.push_back({each.name, each.running,
                           fmt::format("{}{}{}:{}", v6 ? "[" : "", each.address.host, v6 ? "]" : "",
                                       each.address.port),
                           each.since, each.waiting_bytes, each.spooled_bytes, each.links,
                           each.why});
    }
    return members;
}

Result<void> RunningNode::join(const std::string& node, const std::string& host,
                               std::uint16_t port) {
    if (cluster_ == nullptr) {
        return Error{ErrorCode::Unavailable,
                     "no_listener: this node has no clustering listener; for example: "
                     "listener.vmq.clustering = 0.0.0.0:44053"};
    }
    return cluster_->join(node, {host, port, cluster_->has_tls()});
}

Result<void> RunningNode::forget_node(const std::string& node) {
    if (cluster_ == nullptr) return Error{ErrorCode::Unavailable, "this node is in no cluster"};
    return cluster_->remove(node);
}

Result<std::string> RunningNode::suspend_node(const std::string& node) {
    constexpr Millis kPatience = Seconds(20);
    if (cluster_ == nullptr) return Error{ErrorCode::Unavailable, "this node is in no cluster"};
    auto taken = runtime::ask_later<broker::LeaveWatch::Taken>(
        [](const std::function<void()>& work) { work(); },
        [this, node](const std::function<void(broker::LeaveWatch::Taken)>& give) {
            (void)cluster_->leave(node, {}, give);
        },
        kPatience);
    if (!taken) return Error{ErrorCode::Unavailable, "the node has not answered in time"};
    while (taken->lines.ends_with('\n')) taken->lines.pop_back();
    if (taken->ended == cluster::LeaveEnd::Done) return std::move(taken->lines);
    return Error{ErrorCode::Unavailable, taken->lines + " " + taken->hint};
}

Result<std::shared_ptr<admin::commands::Stream>> RunningNode::leave(const std::string& node,
                                                                    Seconds interval,
                                                                    Seconds timeout) {
    if (cluster_ == nullptr) return Error{ErrorCode::Unavailable, "this node is in no cluster"};
    return std::shared_ptr<admin::commands::Stream>(
        std::make_shared<LeaveStream>(cluster_->leave(node, {true, interval, timeout})));
}

broker::NodeSnapshot RunningNode::snapshot() {
    broker::NodeSnapshot now = inspector_.snapshot();
    for (auto& listener : http_.snapshot()) now.listeners.push_back(std::move(listener));
    return now;
}

std::vector<admin::commands::Metric> RunningNode::metrics() {
    using admin::commands::Metric;
    using admin::commands::MetricType;
    std::vector<Metric> all;
    for (const metrics::Sample& sample : metrics_.snapshot()) {
        const MetricType type =
            sample.type == metrics::Type::Gauge ? MetricType::Gauge : MetricType::Counter;
        for (const metrics::Point& point : metrics::points(sample)) {
            const std::string name = sample.name + point.suffix;
            if (all.empty() || all.back().name != name) {
                all.push_back({type, name, sample.description, {}});
            }
            auto& shown = all.back().samples.emplace_back();
            for (const metrics::Label& label : sample.labels) {
                shown.labels.emplace_back(label.name, label.value);
            }
            shown.value = point.value;
        }
    }
    return all;
}

namespace {

admin::commands::Cell cell_of(const admin::query::Value& value) {
    return std::visit(
        [](const auto& held) -> admin::commands::Cell {
            using Held = std::remove_cvref_t<decltype(held)>;
            // As VerneMQ says of what a session does not have.
            if constexpr (std::is_same_v<Held, std::monostate>) {
                return admin::commands::Undefined{};
            } else {
                return held;
            }
        },
        value);
}

}  // namespace

Result<admin::commands::Rows> RunningNode::own_rows(
    const std::string& table, const std::vector<admin::commands::FieldFlag>& flags) {
    namespace query = admin::query;
    std::unique_ptr<query::RowSource> source;
    if (table == "drops") {
        source = std::make_unique<query::DropTable>(broker_);
    } else if (table == "retain_srv") {
        source = std::make_unique<query::RetainedTable>(broker_);
    } else {
        source = std::make_unique<query::SessionTable>(broker_, config_.get()->node().nodename);
    }
    std::vector<query::Flag> asked;
    for (const auto& [name, value] : flags) asked.push_back({name, value});
    const auto parsed = query::query_from_flags(table, source->fields(), asked);
    if (!parsed) return parsed.error();
    auto found = query::run(parsed.value(), *source);
    if (!found) return found.error();
    admin::commands::Rows rows;
    rows.table.columns = std::move(found.value().columns);
    for (const auto& row : found.value().rows) {
        auto& cells = rows.table.rows.emplace_back();
        for (const query::Value& value : row) cells.push_back(cell_of(value));
    }
    rows.missing = std::move(found.value().warnings);
    return rows;
}

Result<admin::commands::Rows> RunningNode::preview_acl(const std::string& path) {
    auto lost = plugins_.preview_acl(path);
    if (!lost) return lost.error();
    admin::commands::Rows rows;
    rows.table.columns = {"mountpoint", "client_id", "topic"};
    for (auto& each : lost.value().named) {
        rows.table.rows.push_back(
            {std::move(each.mountpoint), std::move(each.client_id), std::move(each.filter)});
    }
    if (lost.value().named.size() < lost.value().subscriptions) {
        rows.missing.push_back(
            fmt::format("these are the first of {} subscriptions", lost.value().subscriptions));
    }
    if (lost.value().wills > 0) {
        rows.missing.push_back(fmt::format("{} wills would be dropped", lost.value().wills));
    }
    if (lost.value().undecided > 0) {
        rows.missing.push_back(fmt::format(
            "plugins that take their time would be asked about {} more", lost.value().undecided));
    }
    return rows;
}

Result<admin::commands::Rows> RunningNode::preview_passwords(const std::string& path) {
    auto found = plugins_.preview_passwords(path);
    if (!found) return found.error();
    admin::commands::Rows rows;
    rows.table.columns = {"mountpoint", "client_id", "user"};
    for (auto& each : found.value().named) {
        rows.table.rows.push_back(
            {std::move(each.mountpoint), std::move(each.client_id), std::move(each.username)});
    }
    if (found.value().named.size() < found.value().count) {
        rows.missing.push_back(
            fmt::format("these are the first of {} sessions", found.value().count));
    }
    return rows;
}

std::vector<admin::commands::Node::PluginView> RunningNode::plugins() {
    std::vector<PluginView> views;
    for (const Plugins::View& each : plugins_.enabled()) {
        PluginView& view = views.emplace_back(PluginView{each.name, each.file, {}});
        for (std::size_t i = 0; i < static_cast<std::size_t>(hooks::Hook::Count); ++i) {
            const auto hook = static_cast<hooks::Hook>(i);
            if ((each.hooks & hooks::hook_bit(hook)) == 0) continue;
            view.hooks.emplace_back(hooks::name_of(hook));
        }
    }
    return views;
}

Result<void> RunningNode::enable_plugin(const std::string& name, const std::string& path) {
    const auto place = plugins_.enable(name, path);
    if (!place) return place.error();
    config_.tell_all_settings(place.value());
    return {};
}

Result<void> RunningNode::reload_passwords() {
    const auto read = plugins_.reload_passwords();
    if (!read) return read.error();
    return {};
}

Result<admin::commands::Node::Reauthorized> RunningNode::reauthorize_own(
    const admin::commands::SessionName& session, std::optional<std::string> username) {
    const auto came =
        sessions_.reauthorize(session.mountpoint, session.client_id, std::move(username));
    if (!came) return came.error();
    switch (came.value()) {
        case broker::Reauthorization::NoSession:
            return Reauthorized::NoSession;
        case broker::Reauthorization::Unchanged:
            return Reauthorized::Unchanged;
        default:
            return Reauthorized::Changed;
    }
}

std::vector<ListenerView> RunningNode::listeners() {
    std::vector<ListenerView> views;
    for (auto& listener : snapshot().listeners) {
        auto settings = config_.listener(listener.type, listener.name);
        views.push_back({std::move(listener), settings.value_or(config::ListenerSettings{})});
    }
    if (cluster_ == nullptr) return views;
    for (const broker::ClusterListener& each : cluster_->listeners()) {
        broker::ListenerSnapshot listener;
        listener.type = each.tls_files ? "vmqs" : "vmq";
        listener.name = each.name;
        listener.address = each.where.address;
        listener.port = each.where.port;
        listener.running = true;
        auto settings = config_.listener(listener.type, listener.name);
        views.push_back({std::move(listener), settings.value_or(config::ListenerSettings{})});
    }
    return views;
}

Result<void> RunningNode::start_listener(const config::ListenerSettings& settings) {
    std::vector<std::string> warnings;
    if (settings.kind == config::ListenerKind::Http ||
        settings.kind == config::ListenerKind::Https) {
        auto wanted = admin::http_listener_from_config(*config_.get(), settings, warnings);
        for (const std::string& warning : warnings) log::warning("{}", warning);
        auto opened = http_.open(std::move(wanted));
        if (opened) config_.add_listener(settings);
        return opened;
    }
    auto options = broker::listener_from_config(config_.get()->mqtt(), settings, warnings);
    if (!options) return Error{ErrorCode::InvalidValue, "this kind cannot be opened"};
    for (const std::string& warning : warnings) log::warning("{}", warning);
    auto started = broker_.listeners().start(std::move(*options));
    if (started) config_.add_listener(settings);
    return started;
}

namespace {

/// `listeners`: those of MQTT or of HTTP.
template <typename Listeners>
Result<void> act_on(Listeners& listeners, RunningNode::ListenerAction action,
                    std::string_view address, std::uint16_t port) {
    switch (action) {
        case RunningNode::ListenerAction::Suspend:
            return listeners.suspend(address, port);
        case RunningNode::ListenerAction::Resume:
            return listeners.resume(address, port);
        case RunningNode::ListenerAction::Stop:
            return listeners.stop(address, port);
        case RunningNode::ListenerAction::Remove:
            return listeners.remove(address, port);
    }
    return {};
}

}  // namespace

Result<void> RunningNode::act(ListenerAction action, std::string_view address, std::uint16_t port) {
    if (http_.has(address, port)) return act_on(http_, action, address, port);
    return act_on(broker_.listeners(), action, address, port);
}

std::vector<CertificateView> RunningNode::certificates() {
    std::vector<CertificateView> views;
    for (const ListenerView& listener : listeners()) {
        const std::string& file = listener.settings.tls.certfile;
        if (file.empty()) continue;
        CertificateView& view = views.emplace_back();
        view.file = file;
        auto info = transport::describe_certificate_file(file);
        if (!info) {
            view.problem = info.error().detail;
            continue;
        }
        view.not_before = seconds_of(info.value().not_before);
        view.not_after = seconds_of(info.value().not_after);
        view.common_name = std::move(info.value().common_name);
        view.issuer = std::move(info.value().issuer_common_name);
        view.alternative_names = std::move(info.value().alternative_names);
    }
    return views;
}

Result<std::optional<admin::commands::ClientView>> RunningNode::own_client(
    const admin::commands::SessionName& session, bool topics) {
    constexpr Millis kPatience = Seconds(5);
    broker::SessionReader reader(broker_, {.mountpoint = session.mountpoint,
                                           .client_id = session.client_id,
                                           .subscriptions = topics,
                                           .messages = false});
    std::optional<admin::commands::ClientView> view;
    for (auto part = reader.next(kPatience); !part.empty(); part = reader.next(kPatience)) {
        for (const broker::SessionPicture& picture : part) {
            if (!view) view.emplace();
            view->online = view->online || !picture.connections.empty();
            for (const broker::SubscriptionPicture& each : picture.subscriptions) {
                view->topics.emplace_back(each.filter, static_cast<std::uint8_t>(each.options.qos));
            }
        }
    }
    if (!reader.silent().empty() || !reader.refused().empty()) {
        return Error{ErrorCode::Unavailable, "the shard of this client has not answered"};
    }
    return view;
}

Result<bool> RunningNode::delete_retained(const std::string& mountpoint, const std::string& topic) {
    return sessions_.delete_retained(mountpoint, topic);
}

Result<std::shared_ptr<admin::commands::Stream>> RunningNode::trace(
    broker::TraceOptions options, std::optional<Seconds> duration) {
    if (options.peer) {
        if (auto address = transport::canonical_host(*options.peer)) options.peer = *address;
    }
    auto trace = tracer_.start(std::move(options));
    if (!trace) return trace.error();
    return std::shared_ptr<admin::commands::Stream>(
        std::make_shared<admin::TraceStream>(std::move(trace).value(), duration));
}

Result<std::shared_ptr<admin::commands::Stream>> RunningNode::top(
    admin::commands::TopOptions options) {
    auto started = watches_.start();
    if (!started) return started.error();
    const std::shared_ptr<broker::ActivityWatches::Watch> watch = std::move(started).value();
    admin::TopStream::Source source{[this] { return inspector_.snapshot(); },
                                    [this] {
                                        metrics::Snapshot hooks;
                                        broker::add_hook_metrics(broker_, hooks);
                                        return hooks;
                                    },
                                    [watch] { watch->ask(); }, [watch] { return watch->answer(); }};
    return std::shared_ptr<admin::commands::Stream>(
        std::make_shared<admin::TopStream>(std::move(source), options));
}

Result<void> RunningNode::backup(const std::string& directory) {
    auto copied = broker_.backup(directory);
    if (copied) log::notice("backup of the message store written to {}", directory);
    return copied;
}

}  // namespace vmq::launcher
