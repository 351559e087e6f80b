#include "broker/session_walks.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "broker/connection.h"
#include "broker/limits.h"
#include "broker/shard.h"

namespace vmq::broker {
namespace {

using Clock = std::chrono::steady_clock;  // finer than that of the loop

const Lane& lane_of(const Client& client, std::size_t place) {
    return place == 0 ? client.lane : *client.more[place - 1];
}

bool is_asked_for(const SessionQuestion& question, const Client& client) {
    return (!question.client_id || *question.client_id == client.client_id) &&
           (!question.mountpoint || *question.mountpoint == client.mountpoint);
}

ConnectionPicture picture_of(const Lane& lane, const Shard& shard) {
    const Connection& connection = *lane.connection;
    const session::ConnectPlan& plan = connection.plan();
    ConnectionPicture picture;
    picture.number = static_cast<std::uint64_t>(connection.number());
    picture.username = plan.username;
    picture.peer_host = connection.peer().address;
    picture.peer_port = connection.peer().port;
    picture.version = plan.version;
    picture.bridge = plan.bridge;
    picture.clean_start = plan.clean_start;
    picture.keep_alive_s = plan.keep_alive_s;
    picture.waiting_acks = lane.queue.window().size();
    picture.queued = lane.queue.backlog_size();
    picture.since = shard.wall(connection.connected_at());
    return picture;
}

}  // namespace

SessionWalks::~SessionWalks() = default;

void SessionWalks::remove(Client& client) {
    const auto at = clients_.iterator_to(client);
    for (const auto& walk : walks_) {
        if (walk->named || walk->next != at) continue;
        if (walk->state == Walk::State::ToLoad || walk->state == Walk::State::Loading) {
            walk->state = Walk::State::Asked;
            shard_.loop().run_again();
        }
        advance(*walk);
    }
    clients_.erase(at);
}

void SessionWalks::begin(WalkNumber number, SessionQuestion question, Answer answer) {
    if (walks_.size() >= kMaxWalks) {
        SessionPortion refusal;
        refusal.shard = shard_.id();
        refusal.last = refusal.refused = true;
        return answer(std::move(refusal));
    }
    auto walk = std::make_unique<Walk>();
    walk->number = number;
    walk->answer = std::move(answer);
    walk->next = clients_.begin();
    if (question.client_id && question.mountpoint) {
        walk->named.emplace();
        const Client* client = shard_.find_client(*question.mountpoint, *question.client_id);
        if (client != nullptr) walk->named->push_back(client->number);
    } else if (question.client_id) {
        walk->named = shard_.clients_named(*question.client_id);
    }
    walk->question = std::move(question);
    walks_.push_back(std::move(walk));
    shard_.loop().run_again();
}

SessionWalks::Walk* SessionWalks::find(WalkNumber number) noexcept {
    const auto found =
        std::ranges::find(walks_, number, [](const auto& walk) { return walk->number; });
    return found == walks_.end() ? nullptr : found->get();
}

void SessionWalks::ask(WalkNumber number) {
    Walk* walk = find(number);
    if (walk == nullptr || walk->state != Walk::State::Idle) return;
    walk->state = Walk::State::Asked;
    shard_.loop().run_again();
}

void SessionWalks::end(WalkNumber number) {
    std::erase_if(walks_, [number](const auto& walk) { return walk->number == number; });
}

Client* SessionWalks::current(Walk& walk) {
    if (!walk.named) return walk.next == clients_.end() ? nullptr : &*walk.next;
    while (!walk.named->empty()) {
        if (Client* client = shard_.find_client(walk.named->back())) return client;
        advance(walk);  // it is gone
    }
    return nullptr;
}

void SessionWalks::advance(Walk& walk) {
    walk.place = {};
    ++walk.load;  // what is being loaded is not waited for any more
    if (walk.named) {
        walk.named->pop_back();
    } else {
        ++walk.next;
    }
}

void SessionWalks::run() {
    if (walks_.empty()) return;
    const auto end = Clock::now() + kWalkSlice;
    bool more = false;
    for (std::size_t i = 0; i < walks_.size(); ++i) {
        Walk& walk = *walks_[i];
        if (walk.state == Walk::State::Asked) work(walk, end);
        more = more || walk.state == Walk::State::Asked;
    }
    // Those that had no time this turn are first in the next one.
    if (walks_.size() > 1) std::ranges::rotate(walks_, walks_.begin() + 1);
    std::erase_if(walks_, [](const auto& walk) { return walk->portion.last; });
    if (more) shard_.loop().run_again();
}

void SessionWalks::work(Walk& walk, Clock::time_point end) {
    while (walk.state == Walk::State::Asked && walk.portion.sessions.size() < kSessionsAtOnce) {
        if (Clock::now() >= end) break;
        if (walk.place.disk) {
            walk.state = Walk::State::ToLoad;
            shard_.writes().make_urgent();  // what is loaded is what was handed over
            return;
        }
        const Client* client = current(walk);
        if (client == nullptr) return hand_over(walk, true);
        if (is_asked_for(walk.question, *client)) {
            look_at(walk, *client);
        } else {
            advance(walk);
        }
    }
    if (walk.state == Walk::State::Asked && !walk.portion.sessions.empty()) hand_over(walk, false);
}

void SessionWalks::look_at(Walk& walk, const Client& client) {
    SessionPicture picture = picture_of(client);
    if (walk.question.subscriptions) {
        const auto all = client.subscriptions();
        const std::size_t first = std::min(walk.place.subscription, all.size());
        const std::size_t count = std::min(kSubscriptionsAtOnce, all.size() - first);
        for (const routing::OwnSubscription& own : all.subspan(first, count)) {
            picture.subscriptions.push_back({shard_.subscribers().text(own), own.options});
        }
    }
    const bool done = !walk.question.messages || look_at_messages(walk, client, picture);
    walk.portion.sessions.push_back(std::move(picture));
    if (done) finish_client(walk, client);
}

bool SessionWalks::look_at_messages(Walk& walk, const Client& client, SessionPicture& picture) {
    Place& place = walk.place;
    if (place.lane > client.more.size()) return true;  // some of its sessions have ended
    const queue::Queue& queue = lane_of(client, place.lane).queue;
    const auto range = place.lane == 0 ? queue.stored_range() : std::nullopt;
    const auto next = queue.visit_in_memory(
        place.message, kMessagesAtOnce, [&](const queue::Delivery& delivery, bool sent) {
            picture.messages.push_back(
                {delivery.message, delivery.store_sequence, delivery.qos, sent});
            if (range && delivery.store_sequence != 0) place.seen.insert(delivery.store_sequence);
        });
    place.message = next.value_or(0);
    if (next) return false;
    if (range) {
        SessionPicture base = picture;
        base.messages.clear();
        place.disk.emplace(Place::OnDisk{range->from, range->to, std::move(base)});
        return false;
    }
    return ++place.lane > client.more.size();
}

void SessionWalks::finish_client(Walk& walk, const Client& client) {
    const std::size_t next = walk.place.subscription + kSubscriptionsAtOnce;
    if (!walk.question.subscriptions || next >= client.subscription_count()) return advance(walk);
    walk.place = {};
    walk.place.subscription = next;
}

void SessionWalks::load() {
    for (const auto& walk : walks_) {
        if (walk->state == Walk::State::ToLoad) request(*walk);
    }
}

void SessionWalks::request(Walk& walk) {
    walk.state = Walk::State::Loading;
    const Client* client = current(walk);
    if (client == nullptr || !walk.place.disk) {  // it was the one named, and is gone
        walk.state = Walk::State::Asked;
        return shard_.loop().run_again();
    }
    store::LoadRequest wanted;
    wanted.session = client->session_id;
    wanted.from = walk.place.disk->from;
    wanted.to = walk.place.disk->to;
    wanted.max_count = kMessagesAtOnce;
    wanted.max_bytes = queue::Queue::kBytesLoadedAtOnce;
    shard_.shared().store->load(
        shard_.id(), wanted,
        [this, number = walk.number, load = walk.load](std::vector<store::StoredMessage> messages) {
            on_loaded(number, load, std::move(messages));
        });
}

void SessionWalks::on_loaded(WalkNumber number, std::uint32_t load,
                             std::vector<store::StoredMessage> messages) {
    Walk* walk = find(number);
    if (walk == nullptr || walk->state != Walk::State::Loading || walk->load != load) return;
    const Client* client = current(*walk);
    Place& place = walk->place;
    if (client == nullptr || !place.disk) {  // it was the one named, and is gone
        walk->state = Walk::State::Asked;
        return shard_.loop().run_again();
    }
    const std::uint64_t sent_through = client->lane.queue.sent_through();
    SessionPicture picture = place.disk->picture;
    for (store::StoredMessage& stored : messages) {
        place.disk->from = stored.sequence + 1;
        if (place.seen.contains(stored.sequence)) continue;
        picture.messages.push_back({std::move(stored.message), stored.sequence, stored.qos,
                                    stored.sequence <= sent_through});
    }
    walk->portion.sessions.push_back(std::move(picture));
    if (messages.empty() || place.disk->from > place.disk->to) {
        place.disk.reset();
        if (++place.lane > client->more.size()) finish_client(*walk, *client);
    }
    hand_over(*walk, false);
}

void SessionWalks::hand_over(Walk& walk, bool last) {
    walk.state = Walk::State::Idle;
    SessionPortion portion = std::exchange(walk.portion, {});
    portion.shard = shard_.id();
    portion.last = walk.portion.last = last;
    walk.answer(std::move(portion));
}

SessionPicture SessionWalks::picture_of(const Client& client) const {
    SessionPicture picture;
    picture.number = static_cast<std::uint64_t>(client.number);
    picture.mountpoint = client.mountpoint;
    picture.client_id = client.client_id;
    picture.since = shard_.wall(client.created_at);
    picture.expiry_interval_s = client.session_expiry_s;
    picture.subscription_count = client.subscription_count();
    picture.balanced = client.settings && client.settings->balance_sessions;
    for (std::size_t i = 0; i <= client.more.size(); ++i) {
        const Lane& lane = lane_of(client, i);
        if (lane.connection != nullptr) {
            picture.connections.push_back(broker::picture_of(lane, shard_));
        }
    }
    if (picture.connections.empty()) {
        picture.offline_queued =
            client.lane.queue.backlog_size() + client.lane.queue.window().size();
    }
    return picture;
}

}  // namespace vmq::broker
