// What a connection asks its plugins, and what it does with their answers.
#include <utility>

#include "base/log.h"
#include "broker/connection.h"
#include "broker/limits.h"
#include "broker/shard.h"
#include "mqtt/properties.h"
#include "mqtt/topic.h"

namespace vmq::broker {

using metrics::Counter;
using metrics::VersionCounter;
using session::Answer;

namespace {

void set_denial(session::Denial& denial, hooks::Refusal& refusal) {
    if (refusal.reason) denial.reason = *refusal.reason;
    denial.reason_string = std::move(refusal.reason_string);
    denial.server_reference = std::move(refusal.server_reference);
}

/// Settings of the listener with a hook's changes; null if it changed none.
std::shared_ptr<const session::Settings> changed_settings(const session::Settings& from,
                                                          const hooks::RegisterModifiers& changes) {
    session::Settings settings = from;
    bool changed = false;
    const auto take = [&changed](auto& field, const auto& change) {
        if (!change) return;
        field = *change;
        changed = true;
    };
    take(settings.max_message_size, changes.max_message_size);
    take(settings.max_message_rate, changes.max_message_rate);
    take(settings.max_inflight_messages, changes.max_inflight_messages);
    take(settings.retry_interval_ms, changes.retry_interval_ms);
    take(settings.upgrade_outgoing_qos, changes.upgrade_qos);
    take(settings.allow_multiple_sessions, changes.allow_multiple_sessions);
    take(settings.max_online_messages, changes.max_online_messages);
    take(settings.max_offline_messages, changes.max_offline_messages);
    take(settings.queue_lifo, changes.queue_lifo);
    take(settings.max_connection_lifetime_s, changes.max_connection_lifetime_s);
    take(settings.topic_alias_max_client, changes.topic_alias_max);
    // 0 is no Receive Maximum [v5 3.2.2.3.3].
    if (changes.fc_receive_max_broker.value_or(0) != 0) {
        take(settings.receive_max_broker, changes.fc_receive_max_broker);
    }
    const std::uint16_t lower = changes.fc_receive_max_client.value_or(0);
    if (lower != 0 && lower < settings.receive_max_client) {
        take(settings.receive_max_client, changes.fc_receive_max_client);
    }
    return changed ? std::make_shared<const session::Settings>(std::move(settings)) : nullptr;
}

session::Capabilities capabilities(const hooks::RegisterModifiers& changes) {
    session::Capabilities may;
    may.maximum_qos = changes.max_qos.value_or(may.maximum_qos);
    may.retain = changes.retain_available.value_or(true);
    may.wildcard_subscriptions = changes.wildcard_subs_available.value_or(true);
    may.subscription_identifiers = changes.sub_ids_available.value_or(true);
    may.shared_subscriptions = changes.shared_subs_available.value_or(true);
    return may;
}

}  // namespace

template <typename Verdict>
auto Connection::late_answer(Late<Verdict> LateAnswers::* slot) {
    // The number tells an answer to an earlier question, or a second one, from the one awaited.
    return [&shard = shard_, number = number_, slot, question = asked_](Verdict verdict,
                                                                        std::size_t next) {
        Connection* self = shard.find(number);
        if (self == nullptr || self->asked_ != question) return;
        ++self->asked_;
        LateAnswers& answers = self->late_answers();
        answers.give_up_at = kNever;
        Late<Verdict>& late = answers.*slot;
        // Where to go on is of use to this question only; the next one starts with the first
        // plugin.
        if (verdict.decision == hooks::Decision::Next) {
            late.next = next;
        } else {
            late.verdict = std::move(verdict);
        }
        self->resume_parked();
    };
}

template <typename Verdict>
std::optional<Verdict> Connection::take_late(Late<Verdict> LateAnswers::* slot,
                                             std::size_t& first) {
    first = 0;
    if (!late_) return std::nullopt;
    Late<Verdict>& late = (*late_).*slot;
    first = std::exchange(late.next, 0);
    return std::exchange(late.verdict, std::nullopt);
}

Connection::LateAnswers& Connection::late_answers() {
    if (!late_) late_ = std::make_unique<LateAnswers>();
    return *late_;
}

template <typename Verdict, typename Context, typename Ask>
std::optional<Verdict> Connection::ask(hooks::Hook hook, Late<Verdict> LateAnswers::* slot,
                                       const Context& context, Ask chain) {
    hooks::Route route{plugins_for(hook)};
    std::optional<Verdict> verdict = take_late(slot, route.first);
    if (!verdict) {
        if (trace_ && route.first == 0) [[unlikely]]
            trace_->calling(context, trace_moment());
        verdict = ask_chain(hook, slot, route, std::move(chain));
    }
    if (trace_ && verdict) [[unlikely]]
        trace_->returned(*verdict, trace_moment());
    return verdict;
}

template <typename Verdict, typename Ask>
std::optional<Verdict> Connection::ask_chain(hooks::Hook hook, Late<Verdict> LateAnswers::* slot,
                                             hooks::Route route, Ask chain) {
    while (true) {
        ++asked_;
        const bool at_once = shard_.chain().answers_at_once(hook, route.only);
        auto later = at_once ? hooks::Chain::Later<Verdict>() : late_answer(slot);
        if (auto verdict = chain(std::move(later), route)) return verdict;
        // A plugin may have called back before it returned.
        if (auto late = take_late(slot, route.first)) return late;
        if (route.first != 0) continue;
        LateAnswers& answers = late_answers();
        answers.waiting = hook;
        answers.waits_for = shard_.chain().waits_for();
        answers.next = &(answers.*slot).next;
        answers.give_up_at = shard_.now() + shard_.shared().hook_timeout;
        arm_timer();
        return std::nullopt;
    }
}

void Connection::give_up_waiting() {
    LateAnswers& late = late_answers();
    const hooks::Route waiting{plugins_for(late.waiting), late.waits_for};
    const std::string_view plugin = shard_.chain().give_up(late.waiting, waiting);
    if (shard_.may_report(shard_.hook_timeout_reported_at())) {
        log::warning(
            "plugin {} has not answered {} for a client at {} within {} ms; it counts as if it "
            "had no opinion",
            plugin, hooks::name_of(late.waiting), peer_.address,
            shard_.shared().hook_timeout.count());
    }
    ++asked_;  // its answer is too late
    late.gave_up = true;
    late.give_up_at = kNever;
    *late.next = late.waits_for + 1;
    resume_parked();
}

const hooks::PluginOrder* Connection::plugins_for(hooks::Hook hook) const noexcept {
    const bool who = hook == hooks::Hook::AuthOnRegister || hook == hooks::Hook::OnAuth;
    const auto& order = who ? listener_.auth_plugins : listener_.authz_plugins;
    return order ? &*order : nullptr;
}

bool Connection::nobody_decides(hooks::Hook hook) const noexcept {
    return !shard_.chain().implements(hook, plugins_for(hook));
}

bool Connection::anonymous_may(hooks::Hook hook) const noexcept {
    return shard_.shared().anonymous_unrestricted && plugins_for(hook) == nullptr &&
           nobody_decides(hook);
}

/// Hooks write what they like; what is not fit to be a name is their error, not a message.
bool fits_name(std::string_view text) noexcept { return text.size() <= kMaxNameSize; }

Connection::Rewritten& Connection::rewritten() {
    if (!rewritten_) rewritten_ = std::make_unique<Rewritten>();
    return *rewritten_;
}

hooks::SubscriberId Connection::subscriber_id() const noexcept {
    return {client_->mountpoint, client_->client_id};
}

std::optional<std::string_view> Connection::username() const noexcept {
    if (!plan_.username) return std::nullopt;
    return std::string_view(*plan_.username);
}

bool Connection::is_blocked(std::string_view username, session::Denial& denial) {
    LoginGuard* guard = shard_.shared().login_guard.get();
    if (guard == nullptr || !guard->blocks(peer_.address, username, shard_.now())) return false;
    shard_.metrics().add(Counter::LoginBlocked);
    denial.reason = mqtt::ReasonCode::ConnectionRateExceeded;
    return true;
}

void Connection::count_failed_login(mqtt::ReasonCode reason, std::string_view username) {
    // Busy, moved and out of order say nothing about who it is, nor does a plugin that was given
    // up.
    const bool wrong = reason == mqtt::ReasonCode::BadUserNameOrPassword ||
                       reason == mqtt::ReasonCode::NotAuthorized ||
                       reason == mqtt::ReasonCode::Banned;
    if (!wrong || (late_ && late_->gave_up)) return;
    shard_.metrics().add(Counter::LoginFailed);
    if (auto* guard = shard_.shared().login_guard.get()) {
        guard->failed(peer_.address, username, shard_.now());
    }
}

void Connection::log_refused_login(const session::RegisterRequest& request,
                                   const hooks::RegisterVerdict& verdict,
                                   const session::Denial& denial) {
    std::string_view reason = mqtt::reason_name(denial.reason);
    if (verdict.decided_by == hooks::kNobody) {
        reason = nobody_decides(hooks::Hook::AuthOnRegister) ? "no_matching_hook_found"
                                                             : "plugin_chain_exhausted";
    } else if (!verdict.refusal.reason ||
               denial.reason == mqtt::ReasonCode::BadUserNameOrPassword) {
        reason = "invalid_credentials";
    } else if (denial.reason == mqtt::ReasonCode::NotAuthorized) {
        reason = "not_authorized";
    }
    refusal_logged_ = true;
    shard_.session_log().login_refused(
        {request.mountpoint, request.client_id, request.username, peer_, listener_}, reason);
}

Answer Connection::authorize_register(const session::RegisterRequest& request,
                                      session::RegisterGrant& grant, session::Denial& denial) {
    if (request.anonymous_allowed) return Answer::Allowed;
    const std::string_view claimed = request.username.value_or("");
    if (is_blocked(claimed, denial)) return Answer::Denied;
    hooks::RegisterContext context;
    context.peer = {peer_.address, peer_.port};
    context.subscriber = {request.mountpoint, request.client_id};
    context.username = request.username;
    context.password = request.password;
    context.clean_start = request.clean_start;
    context.v5 = request.v5;
    context.properties = request.properties;
    hooks::ConnectionMetadata metadata;
    std::string certificate;
    if (listener_.forward_connection_opts) {
        const transport::TlsSession* tls = layers_ ? layers_->tls() : nullptr;
        if (tls != nullptr) certificate = tls->peer_certificate();
        metadata = {listener_.address, listener_.port, type_of(listener_.kind), certificate};
        context.metadata = &metadata;
    }
    auto verdict = ask(hooks::Hook::AuthOnRegister, &LateAnswers::on_register, context,
                       [&](auto done, hooks::Route route) {
                           return shard_.chain().auth_on_register(context, std::move(done), route);
                       });
    if (!verdict) return Answer::Pending;
    if (verdict->decision == hooks::Decision::Error) {
        // MQTT 3 has a code of its own for credentials that a plugin knows to be wrong.
        if (request.v5) denial.reason = mqtt::ReasonCode::BadUserNameOrPassword;
        set_denial(denial, verdict->refusal);
        log_refused_login(request, *verdict, denial);
        count_failed_login(denial.reason, claimed);
        return Answer::Denied;
    }
    auto& changes = verdict->modifiers;
    if (!fits_name(changes.client_id.value_or("")) || !fits_name(changes.mountpoint.value_or(""))) {
        log::error("auth_on_register gave a client id or mountpoint longer than {} bytes",
                   kMaxNameSize);
        denial.reason = mqtt::ReasonCode::ImplementationSpecificError;
        return Answer::Denied;
    }
    grant.authenticated_by = verdict->decided_by;
    grant.accepted_at = shard_.shared().revocations.now();
    grant.settings = changed_settings(*listener_.settings.get(), changes);
    grant.client_id = std::move(changes.client_id);
    grant.mountpoint = std::move(changes.mountpoint);
    if (request.username) grant.username = std::move(changes.username);
    grant.clean_start = changes.clean_start;
    grant.session_expiry_s = changes.session_expiry_interval_s;
    grant.request_problem_information = changes.request_problem_info;
    grant.maximum_packet_size = changes.max_packet_size.value_or(0);
    grant.capabilities = capabilities(changes);
    if (changes.response_information) grant.response_information = *changes.response_information;
    return Answer::Allowed;
}

Connection::AuthAnswer Connection::authenticate(std::string_view mountpoint,
                                                std::string_view client_id,
                                                std::optional<std::string_view> user,
                                                std::string_view method, std::string_view data,
                                                const mqtt::Properties& properties) {
    AuthAnswer answer;
    if (nobody_decides(hooks::Hook::OnAuth)) {
        answer.denial.reason = mqtt::ReasonCode::BadAuthenticationMethod;  // [v5 4.12]
        return answer;
    }
    const std::string_view claimed = user.value_or("");
    if (is_blocked(claimed, answer.denial)) return answer;
    const hooks::AuthContext context{{mountpoint, client_id}, user, method, data, &properties};
    auto verdict = ask(hooks::Hook::OnAuth, &LateAnswers::on_auth, context,
                       [&](auto done, hooks::Route route) {
                           return shard_.chain().on_auth(context, std::move(done), route);
                       });
    if (!verdict) {
        answer.answer = Answer::Pending;
        return answer;
    }
    if (verdict->decision == hooks::Decision::Error) {
        set_denial(answer.denial, verdict->refusal);
        refusal_logged_ = true;
        shard_.session_log().enhanced_auth_refused({mountpoint, client_id, user, peer_, listener_},
                                                   mqtt::reason_name(answer.denial.reason));
        count_failed_login(answer.denial.reason, claimed);
        return answer;
    }
    answer.answer = Answer::Allowed;
    answer.continues = verdict->continues;
    answer.data = std::move(verdict->data);
    answer.reason_string = std::move(verdict->reason_string);
    return answer;
}

Connection::AuthAnswer Connection::reauthenticate(std::string_view method, std::string_view data,
                                                  const mqtt::Properties& properties) {
    return authenticate(client_->mountpoint, client_->client_id, username(), method, data,
                        properties);
}

Answer Connection::authorize_will(const session::ConnectPlan& plan, session::PublishIntent& intent,
                                  session::Denial& denial) {
    if (plan.anonymous_allowed && anonymous_may(hooks::Hook::AuthOnPublish)) {
        return Answer::Allowed;
    }
    intent.rules = shard_.shared().revocations.rules();
    hooks::PublishContext context = publish_context(intent);
    context.subscriber = {plan.mountpoint, plan.client_id};
    if (plan.username) context.username = *plan.username;
    context.v5 = plan.version == mqtt::ProtocolVersion::V5;
    auto verdict = ask(hooks::Hook::AuthOnPublish, &LateAnswers::on_publish, context,
                       [&](auto done, hooks::Route route) {
                           return shard_.chain().auth_on_publish(context, std::move(done), route);
                       });
    if (!verdict) return Answer::Pending;
    intent.allowed_by = verdict->decided_by;
    return apply(std::move(*verdict), intent, denial);
}

hooks::PublishContext Connection::publish_context(const session::PublishIntent& intent) const {
    hooks::PublishContext context;
    context.qos = intent.qos;
    context.topic = intent.topic;
    context.payload = intent.payload;
    context.retain = intent.retain;
    context.properties = intent.properties;
    context.message_expiry_interval = intent.message_expiry_s;
    return context;
}

Answer Connection::authorize_publish(session::PublishIntent& intent, session::Denial& denial) {
    if (plan_.anonymous_allowed && anonymous_may(hooks::Hook::AuthOnPublish)) {
        return Answer::Allowed;
    }
    hooks::PublishContext context = publish_context(intent);
    context.subscriber = subscriber_id();
    context.username = username();
    context.v5 = session_->v5();
    auto verdict = ask(hooks::Hook::AuthOnPublish, &LateAnswers::on_publish, context,
                       [&](auto done, hooks::Route route) {
                           return shard_.chain().auth_on_publish(context, std::move(done), route);
                       });
    if (!verdict) return Answer::Pending;
    return apply(std::move(*verdict), intent, denial);
}

Answer Connection::apply(hooks::PublishVerdict verdict, session::PublishIntent& intent,
                         session::Denial& denial) {
    if (verdict.decision == hooks::Decision::Error) {
        count_error(VersionCounter::MqttPublishAuthError);
        if (client_ != nullptr) {  // a will is refused before there is one
            shard_.drops().add(Undelivered::NotAuthorized, client_->mountpoint, client_->client_id,
                               intent.topic);
        }
        set_denial(denial, verdict.refusal);
        if (client_ != nullptr) {
            shard_.session_log().publish_refused(who(), intent.topic,
                                                 mqtt::reason_name(denial.reason));
        } else {
            refusal_logged_ = true;
            shard_.session_log().will_refused(who(), mqtt::reason_name(denial.reason));
        }
        return Answer::Denied;
    }
    const auto& wanted = verdict.modifiers;
    if ((wanted.topic && !mqtt::is_valid_topic_name(*wanted.topic)) ||
        !fits_name(wanted.mountpoint.value_or(""))) {
        log::error("auth_on_publish gave an invalid topic or mountpoint for a message on {}",
                   intent.topic);
        denial.reason = mqtt::ReasonCode::ImplementationSpecificError;
        return Answer::Denied;
    }
    // The views have to stay valid until the message is routed.
    hooks::PublishModifiers& changes = rewritten().publish;
    changes = std::move(verdict.modifiers);
    if (changes.topic) intent.topic = *changes.topic;
    if (changes.payload) intent.payload = *changes.payload;
    if (changes.qos) intent.qos = *changes.qos;
    if (changes.retain) intent.retain = *changes.retain;
    if (changes.mountpoint) intent.mountpoint = *changes.mountpoint;
    if (changes.properties) intent.properties = *changes.properties;
    if (changes.message_expiry_interval) intent.message_expiry_s = changes.message_expiry_interval;
    intent.throttle_ms = changes.throttle_ms;
    return Answer::Allowed;
}

session::Routed Connection::route(const session::PublishIntent& intent, session::AckTicket ticket) {
    const bool remembered = intent.qos == mqtt::QoS::ExactlyOnce && keeps_state();
    const session::Routed routed =
        shard_.route(intent, {client_->hash, Reply{number_, ticket, shard_.id()}, remembered});
    if (shard_.watched()) [[unlikely]] {
        shard_.count_received(*client_, intent.topic, intent.payload.size());
    }
    const bool refused = mqtt::is_error(routed.reason);
    if (routed.not_ready) count_error(VersionCounter::MqttPublishError);
    if (!refused && !routed.matched && !intent.retain) {
        shard_.metrics().add(Counter::DropNoSubscriber);
    }
    if (shard_.chain().implements(hooks::Hook::OnPublish) && !refused) {
        hooks::PublishContext context = publish_context(intent);
        context.subscriber = subscriber_id();
        context.username = username();
        context.v5 = session_->v5();
        shard_.chain().on_publish(context);
    }
    return routed;
}

bool Connection::send_as_changed(const session::Session::Outgoing& outgoing,
                                 session::PublishTemplate* shared) {
    const TimePoint now = shard_.now();
    if (session_->state() == session::Session::State::Closed) {
        return session_->send_publish(outgoing, now, shared);
    }
    const mqtt::Message& message = **outgoing.message;
    hooks::PublishContext context;
    context.subscriber = subscriber_id();
    context.username = username();
    context.qos = outgoing.qos;
    context.topic = message.topic();
    context.payload = message.payload();
    context.retain = outgoing.retain;
    context.v5 = session_->v5();
    context.properties = message.properties();
    context.message_expiry_interval = message.seconds_left(now);
    const hooks::PublishVerdict verdict = shard_.chain().on_deliver(context);
    const hooks::PublishModifiers& changes = verdict.modifiers;
    if (changes.topic && !mqtt::is_valid_topic_name(*changes.topic)) {
        log::error("on_deliver gave an invalid topic for a message on {}; it is sent unchanged",
                   message.topic());
        return session_->send_publish(outgoing, now, shared);
    }
    if (!changes.topic && !changes.payload && !changes.properties) {
        return session_->send_publish(outgoing, now, shared);
    }
    mqtt::MessageParts parts;
    parts.mountpoint = message.mountpoint();
    parts.topic = changes.topic ? std::string_view(*changes.topic) : message.topic();
    parts.payload = changes.payload ? std::string_view(*changes.payload) : message.payload();
    parts.properties =
        changes.properties ? std::string_view(*changes.properties) : message.properties();
    parts.qos = message.qos();
    parts.retain = message.retain();
    parts.publisher = message.publisher();
    parts.expires_at = message.expires_at();
    const mqtt::MessagePtr changed = mqtt::Message::make(parts);
    session::Session::Outgoing outgoing_changed = outgoing;
    outgoing_changed.message = &changed;
    // Other receivers get something else, so their encodings are of no use here.
    return session_->send_publish(outgoing_changed, now, nullptr);
}

void Connection::log_refused_subscription(std::string_view filter, mqtt::ReasonCode reason) {
    shard_.session_log().subscribe_refused(who(), filter, session_->v5(),
                                           mqtt::reason_name(reason));
}

std::optional<hooks::SubscribeVerdict> Connection::ask_about_filters(
    const session::SubscribeIntent& intent) {
    hooks::SubscribeContext context;
    context.subscriber = subscriber_id();
    context.username = username();
    context.v5 = session_->v5();
    context.properties = intent.properties;
    const std::uint64_t rules = shard_.shared().revocations.rules();
    if (late_ && late_->split && late_->split_rules != rules) {
        // What was granted meanwhile need not be granted now: everything is asked again.
        late_->split.reset();
        late_->on_subscribe = {};
    }
    for (;;) {
        hooks::SplitDecision* split = late_ && late_->split ? &*late_->split : nullptr;
        context.entries = split != nullptr ? &split->left() : &intent.entries;
        auto verdict =
            ask(hooks::Hook::AuthOnSubscribe, &LateAnswers::on_subscribe, context,
                [&](auto done, hooks::Route route) {
                    return shard_.chain().auth_on_subscribe(context, std::move(done), route);
                });
        if (!verdict) return std::nullopt;
        if (split == nullptr) {
            if (!hooks::SplitDecision::needed(*verdict)) return verdict;
            split = &late_answers().split.emplace(std::move(*verdict));
            late_->split_rules = rules;
        } else if (split->add(std::move(*verdict))) {
            verdict = split->take();
            late_->split.reset();
            return verdict;
        }
        late_->on_subscribe.next = split->next();
        if (trace_) [[unlikely]] {
            context.entries = &split->left();
            trace_->calling(context, trace_moment());
        }
    }
}

Answer Connection::authorize_subscribe(session::SubscribeIntent& intent, session::Denial& denial) {
    const Answer answer = ask_to_subscribe(intent, denial);
    if (answer != Answer::Allowed || !shard_.not_ready_for(ClientAction::Subscribe)) return answer;
    count_error(VersionCounter::MqttSubscribeError);
    denial.reason = mqtt::ReasonCode::NotAuthorized;  // VerneMQ's code
    denial.reason_string = kClusterNotComplete;
    return Answer::Denied;
}

Answer Connection::ask_to_subscribe(session::SubscribeIntent& intent, session::Denial& denial) {
    if (plan_.anonymous_allowed && anonymous_may(hooks::Hook::AuthOnSubscribe)) {
        return Answer::Allowed;
    }
    auto verdict = ask_about_filters(intent);
    if (!verdict) return Answer::Pending;
    if (verdict->decision == hooks::Decision::Error) {
        count_error(VersionCounter::MqttSubscribeAuthError);
        set_denial(denial, verdict->refusal);
        for (const auto& entry : intent.entries)
            log_refused_subscription(entry.filter, denial.reason);
        return Answer::Denied;
    }
    intent.details = std::move(verdict->details);
    if (!verdict->topics) return Answer::Allowed;
    rewritten().topics = std::move(*verdict->topics);
    intent.entries.clear();
    intent.refusals.clear();
    for (const auto& topic : rewritten().topics) {
        intent.entries.push_back({topic.filter, topic.options});
        const bool valid = mqtt::is_valid_topic_filter(topic.filter);
        intent.refusals.push_back(valid ? topic.reason : mqtt::ReasonCode::TopicFilterInvalid);
        if (mqtt::is_error(topic.reason)) log_refused_subscription(topic.filter, topic.reason);
    }
    return Answer::Allowed;
}

void Connection::subscribed(const session::SubscribeIntent& intent,
                            const std::vector<mqtt::ReasonCode>& reasons) {
    if (unsafe()) {  // retained messages come behind SUBACK
        shard_.writes().when_safe({.connection = number_});
    } else {
        shard_.pump(*client_, *lane_);
    }
    if (!shard_.chain().implements(hooks::Hook::OnSubscribe)) return;
    std::vector<mqtt::SubscribeEntry> accepted;
    for (std::size_t i = 0; i < intent.entries.size(); ++i) {
        if (!mqtt::is_error(reasons[i])) accepted.push_back(intent.entries[i]);
    }
    hooks::SubscribeContext context;
    context.subscriber = subscriber_id();
    context.username = username();
    context.entries = &accepted;
    context.v5 = session_->v5();
    context.properties = intent.properties;
    shard_.chain().on_subscribe(context);
}

void Connection::authorize_unsubscribe(session::UnsubscribeIntent& intent) {
    if (shard_.not_ready_for(ClientAction::Unsubscribe)) {
        count_error(VersionCounter::MqttUnsubscribeError);
        intent.not_ready = true;
        intent.details.reason_string = kClusterNotComplete;
        return;
    }
    if (!shard_.chain().implements(hooks::Hook::OnUnsubscribe)) return;
    const hooks::UnsubscribeContext context{subscriber_id(), username(), &intent.filters,
                                            session_->v5(), intent.properties};
    hooks::UnsubscribeVerdict verdict = shard_.chain().on_unsubscribe(context);
    intent.details = std::move(verdict.details);
    if (!verdict.filters) return;
    rewritten().filters = std::move(*verdict.filters);
    intent.filters.assign(rewritten().filters.begin(), rewritten().filters.end());
}

void Connection::unsubscribed(const session::UnsubscribeIntent& intent) {
    if (!shard_.chain().implements(hooks::Hook::OnTopicUnsubscribed)) return;
    shard_.chain().on_topic_unsubscribed(
        {subscriber_id(), username(), &intent.filters, session_->v5(), intent.properties});
}

}  // namespace vmq::broker
