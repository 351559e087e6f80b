// What commands ask of all nodes, and what other nodes ask this one.
#include <algorithm>
#include <chrono>
#include <utility>

#include "admin/commands/limits.h"
#include "runtime/work_queue.h"
#include "vernemq/running_node.h"
#include "vernemq/session_rows.h"

namespace vmq::launcher {

using admin::commands::ClientView;
using admin::commands::FieldFlag;
using admin::commands::NodeOutcome;
using admin::commands::Rows;
using admin::commands::Scope;
using admin::commands::SettingChange;
using admin::commands::SettingsView;
using admin::commands::SettingsViews;

namespace {

/// For all nodes that run to have what was set for all.
constexpr Millis kSpreadLimit{2000};
constexpr Millis kSpreadPause{20};

Error first_of(const std::vector<std::string>& why) {
    return {ErrorCode::Unavailable, why.front() + "; what was asked for may still happen there"};
}

/// Outcomes of what was asked of one node.
Result<std::vector<NodeOutcome>> outcome_at(const std::string& node,
                                            const OtherNodes::Said<bool>& said) {
    if (!said.answers.empty()) return std::vector<NodeOutcome>{{node}};
    if (!said.why.empty()) return first_of(said.why);
    return Error{ErrorCode::Unavailable, "Target node is down: " + node};
}

}  // namespace

// Settings.

SettingsView RunningNode::own_settings(const std::vector<std::string>& keys) {
    const auto config = config_.get();
    SettingsView view{config->node().nodename, {}, {}};
    for (const std::string& key : keys) {
        const auto value = config->text(key);
        const auto origin = config->origin(key);
        view.values.push_back(value ? std::optional(value.value()) : std::nullopt);
        view.origins.push_back(origin ? origin.value() : "");
    }
    return view;
}

Result<SettingsViews> RunningNode::settings(const std::vector<std::string>& keys,
                                            const Scope& scope) {
    SettingsViews views;
    if (scope.node.empty()) views.nodes.push_back(own_settings(keys));
    if (scope.node.empty() && !scope.all) return views;
    const std::vector<std::string> only =
        scope.all ? std::vector<std::string>{} : std::vector<std::string>{scope.node};
    auto said = others_.ask<SettingsView>(AskSettings{keys}, OtherNodes::kPatience, only);
    for (auto& each : said.answers) {
        if (each.what.values.size() == keys.size()) views.nodes.push_back(std::move(each.what));
    }
    if (!scope.all && views.nodes.empty()) {
        if (!said.why.empty()) return Error{ErrorCode::Unavailable, said.why.front()};
        return Error{ErrorCode::Unavailable, "Target node is down: " + scope.node};
    }
    std::ranges::sort(views.nodes, {}, &SettingsView::node);
    views.silent = std::move(said.away);
    views.silent.insert(views.silent.end(), said.silent.begin(), said.silent.end());
    return views;
}

std::vector<NodeOutcome> RunningNode::confirm(const std::vector<std::string>& keys) {
    const SettingsView wanted = own_settings(keys);
    std::vector<NodeOutcome> outcomes{{wanted.node}};
    std::vector<std::string> left;
    const TimePoint end = steady_now() + kSpreadLimit;
    for (bool first = true; first || !left.empty(); first = false) {
        if (!first) runtime::pause(kSpreadPause);
        auto said = others_.ask<SettingsView>(AskSettings{keys}, OtherNodes::kPatience, left);
        for (const std::string& away : said.away) {
            outcomes.push_back({away, true, "it is away, and takes it over when it is back"});
        }
        for (std::size_t i = 0; i < said.silent.size(); ++i) {
            outcomes.push_back({said.silent[i], true, said.why[i]});
        }
        left.clear();
        const bool late = steady_now() >= end;
        for (const auto& [node, what] : said.answers) {
            if (what.values == wanted.values) {
                outcomes.push_back({node});
            } else if (late) {
                outcomes.push_back({node, false, "it goes on with another value: see its log"});
            } else {
                left.push_back(node);
            }
        }
    }
    std::ranges::sort(outcomes, {}, &NodeOutcome::node);
    return outcomes;
}

Result<std::vector<NodeOutcome>> RunningNode::change(const std::vector<SettingChange>& changes,
                                                     const Scope& scope) {
    if (!scope.node.empty()) {
        return outcome_at(
            scope.node, others_.ask<bool>(AskChange{changes}, OtherNodes::kPatience, {scope.node}));
    }
    if (!scope.all) {
        if (const auto changed = config_.change(changes); !changed) return changed.error();
        return std::vector<NodeOutcome>{{config_.get()->node().nodename}};
    }
    std::vector<std::string> keys;
    for (const auto& [key, value] : changes) {
        if (const auto fits = config_.get()->with(key, value, true); !fits) return fits.error();
        keys.push_back(key);
    }
    for (const auto& [key, value] : changes) {
        if (const auto set = follower_.set_everywhere(key, value); !set) return set.error();
    }
    return confirm(keys);
}

Result<std::vector<NodeOutcome>> RunningNode::unset(const std::vector<std::string>& keys,
                                                    const Scope& scope) {
    if (!scope.node.empty()) {
        return outcome_at(scope.node,
                          others_.ask<bool>(AskUnset{keys}, OtherNodes::kPatience, {scope.node}));
    }
    std::vector<NodeOutcome> done{{config_.get()->node().nodename}};
    if (!scope.all) {
        (void)config_.unset(keys);
        return done;
    }
    for (const std::string& key : keys) {
        if (const auto set = follower_.set_everywhere(key, std::nullopt); !set) return set.error();
        (void)config_.unset({key});
    }
    // Their files need not say the same, so only that they have heard of it can be asked.
    for (const auto& each : cluster()) {
        if (each.name == done.front().node) continue;
        done.push_back({each.name, !each.running,
                        each.running ? "" : "it is away, and takes it over when it is back"});
    }
    std::ranges::sort(done, {}, &NodeOutcome::node);
    return done;
}

// Sessions.

Result<bool> RunningNode::disconnect(const admin::commands::SessionName& session, bool cleanup) {
    auto here = sessions_.disconnect(session.mountpoint, session.client_id, cleanup);
    // With several sessions of one client id there may be more.
    const auto said = others_.ask<bool>(AskDisconnect{session, cleanup});
    if (!here) return here;
    bool any = here.value();
    for (const auto& each : said.answers) any = any || each.what;
    if (!any && !said.why.empty()) return first_of(said.why);
    return any;
}

Result<std::size_t> RunningNode::disconnect_some(std::size_t count,
                                                 const std::vector<std::string>& spared,
                                                 bool cleanup, const std::string& node) {
    const bool here = node.empty() || node == config_.get()->node().nodename;
    std::size_t gone = 0;
    if (here) {
        const auto own = sessions_.disconnect_some(count, spared, cleanup);
        if (!own) return own;
        gone = own.value();
        if (!node.empty()) return gone;
    }
    const std::vector<std::string> only =
        node.empty() ? std::vector<std::string>{} : std::vector<std::string>{node};
    const auto said = others_.ask<std::uint64_t>(AskDisconnectSome{count, spared, cleanup},
                                                 OtherNodes::kPatience, only);
    for (const auto& each : said.answers) gone += static_cast<std::size_t>(each.what);
    if (!said.why.empty()) return first_of(said.why);
    return gone;
}

Result<std::optional<ClientView>> RunningNode::client(const admin::commands::SessionName& session,
                                                      bool topics) {
    auto best = own_client(session, topics);
    if (best && best.value() && best.value()->online) return best;
    auto said = others_.ask<std::optional<ClientView>>(AskClient{session, topics});
    for (auto& each : said.answers) {
        if (!each.what) continue;
        const bool better = !best || !best.value() || each.what->online;
        if (better) best = std::move(each.what);
    }
    if (best && !best.value() && !said.why.empty()) {
        return Error{ErrorCode::Unavailable, said.why.front()};
    }
    return best;
}

Result<bool> RunningNode::unsubscribe(const admin::commands::SessionName& session,
                                      const std::string& filter, bool tell_plugins) {
    auto here = sessions_.unsubscribe(session.mountpoint, session.client_id, filter, tell_plugins);
    if (!here || here.value()) return here;
    const auto said = others_.ask<bool>(AskUnsubscribe{session, filter, tell_plugins});
    const bool any = std::ranges::any_of(said.answers, [](const auto& each) { return each.what; });
    if (!any && !said.why.empty()) return first_of(said.why);
    return any;
}

Result<admin::commands::Node::Reauthorized> RunningNode::reauthorize(
    const admin::commands::SessionName& session, std::optional<std::string> username) {
    auto here = reauthorize_own(session, username);
    if (!here || here.value() != Reauthorized::NoSession) return here;
    const auto said =
        others_.ask<Reauthorized>(AskReauthorize{session, std::move(username)},
                                  OtherNodes::kPatience + broker_.shared().hook_timeout);
    Reauthorized outcome = Reauthorized::NoSession;
    for (const auto& each : said.answers) outcome = std::max(outcome, each.what);
    if (outcome == Reauthorized::NoSession && !said.why.empty()) return first_of(said.why);
    return outcome;
}

Result<Rows> RunningNode::rows(const std::string& table, const std::vector<FieldFlag>& flags) {
    return table == "sessions" ? session_rows(flags) : own_rows(table, flags);
}

Result<Rows> RunningNode::session_rows(std::vector<FieldFlag> flags) {
    auto planned = plan_session_rows(std::move(flags));
    if (!planned) return planned.error();
    const SessionRowsPlan& plan = planned.value();
    const std::string self = config_.get()->node().nodename;
    std::vector<Rows> parts;
    if (cluster_ == nullptr || plan.node == self) {
        auto own = own_rows("sessions", plan.flags);
        if (!own) return own;
        parts.push_back(std::move(own).value());
        return merge_rows(std::move(parts), plan, admin::commands::kMaxRows);
    }
    OtherNodes::Said<Rows> said;
    Result<Rows> own = Rows{};
    {
        const std::vector<std::string> only =
            plan.node.empty() ? std::vector<std::string>{} : std::vector<std::string>{plan.node};
        const runtime::WorkThread asking([&] {
            said = others_.ask<Rows>(AskSessions{plan.flags}, OtherNodes::kPatience, only);
        });
        own = own_rows("sessions", plan.flags);
    }
    if (!own) return own;
    parts.push_back(std::move(own).value());
    for (auto& each : said.answers) {
        if (each.what.table.columns != parts.front().table.columns) {
            said.why.push_back("node " + each.node + " answers with other columns");
            continue;
        }
        for (std::string& missing : each.what.missing) missing = each.node + ": " + missing;
        parts.push_back(std::move(each.what));
    }
    Rows all = merge_rows(std::move(parts), plan, admin::commands::kMaxRows);
    for (const std::string& node : said.away) said.why.push_back("node " + node + " is away");
    for (const std::string& why : said.why)
        all.missing.push_back(why + ": its sessions are missing");
    return all;
}

// Other nodes ask.

namespace {

template <typename T>
Result<std::string> encoded(const Result<T>& result) {
    if (!result) return Error{ErrorCode::Unavailable, "says: " + result.error().detail};
    return encode_answer(result.value());
}

}  // namespace

Result<std::string> RunningNode::answer(const std::string& bytes) {
    const auto question = decode_question(bytes);
    if (!question) {
        return Error{ErrorCode::Unavailable, "does not know this question: it has another version"};
    }
    if (const auto* ask = std::get_if<AskSessions>(&*question)) {
        return encoded(own_rows("sessions", ask->flags));
    }
    if (const auto* ask = std::get_if<AskDisconnect>(&*question)) {
        return encoded(
            sessions_.disconnect(ask->session.mountpoint, ask->session.client_id, ask->cleanup));
    }
    if (const auto* ask = std::get_if<AskDisconnectSome>(&*question)) {
        const auto gone = sessions_.disconnect_some(static_cast<std::size_t>(ask->count),
                                                    ask->spared, ask->cleanup);
        if (!gone) return encoded<bool>(gone.error());
        return encode_answer(std::uint64_t{gone.value()});
    }
    if (const auto* ask = std::get_if<AskClient>(&*question)) {
        return encoded(own_client(ask->session, ask->topics));
    }
    if (const auto* ask = std::get_if<AskUnsubscribe>(&*question)) {
        return encoded(sessions_.unsubscribe(ask->session.mountpoint, ask->session.client_id,
                                             ask->filter, ask->tell_plugins));
    }
    if (const auto* ask = std::get_if<AskReauthorize>(&*question)) {
        return encoded(reauthorize_own(ask->session, ask->username));
    }
    if (const auto* ask = std::get_if<AskSettings>(&*question)) {
        return encode_answer(own_settings(ask->keys));
    }
    if (const auto* ask = std::get_if<AskChange>(&*question)) {
        if (const auto changed = config_.change(ask->changes); !changed) {
            return encoded<bool>(changed.error());
        }
        return encode_answer(true);
    }
    (void)config_.unset(std::get<AskUnset>(*question).keys);
    return encode_answer(true);
}

}  // namespace vmq::launcher
