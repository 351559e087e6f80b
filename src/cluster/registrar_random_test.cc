// Random lives of nodes that register clients: frames that take their time, links that break and
// come back, clocks that differ. At the end each client has one live session, the one that was
// registered last, and while no link breaks there are never two.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "cluster/registrar.h"

namespace vmq::cluster {
namespace {

constexpr std::size_t kClients = 3;

/// What the shards of one node do, made short: see broker/registrations.cc.
class RegistrarNode final : public RegistrarHost {
public:
    struct Post {
        std::size_t to;
        std::string frame;
    };

    RegistrarNode(std::size_t number, Millis skew)
        : number_(number), skew_(skew), registrar_(name_of(number), *this, limits()) {}

    static std::string name_of(std::size_t number) { return "n" + std::to_string(number) + "@h"; }
    static PeerNumber peer(std::size_t number) {
        return PeerNumber{static_cast<std::uint32_t>(number + 1)};
    }
    static std::size_t place(PeerNumber number) { return static_cast<std::size_t>(number) - 1; }

    [[nodiscard]] Moment moment(TimePoint now) const {
        return {now, now.time_since_epoch().count() + 1'000'000 + skew_.count()};
    }

    void connect(std::size_t client, TimePoint now) {
        if (candidates_.contains(client)) return;
        ask(client, now);
    }
    void ask(std::size_t client, TimePoint now) {
        candidates_.try_emplace(client);
        tickets_[++last_ticket_] = client;
        registrar_.request(last_ticket_, {"", std::to_string(client)}, Purpose::Resume,
                           moment(now));
    }

    // RegistrarHost: nothing leads back, so effects wait for the end of the turn.
    void send(PeerNumber to, std::string_view frame) override {
        posts.push_back({place(to), std::string(frame)});
    }
    void release(ReleaseOrder order) override { orders_.push_back(std::move(order)); }
    void registered(std::uint64_t ticket, const Registered& outcome) override {
        outcomes_.emplace_back(ticket, outcome);
    }

    void claim(std::size_t to, Epoch since) {
        for (const auto& [client, epoch] : sessions) {
            if (epoch < since) continue;
            std::string frame;
            append(Claim{epoch, {"", std::to_string(client)}}, frame);
            posts.push_back({to, std::move(frame)});
        }
    }
    void on_claim(std::size_t from, const Claim& claim, TimePoint now) {
        const auto client = static_cast<std::size_t>(std::stoul(claim.key.client_id));
        const auto candidate = candidates_.find(client);
        if (candidate != candidates_.end()) return candidate->second.yield(claim.epoch);
        const auto own = sessions.find(client);
        if (own == sessions.end()) return;
        if (own->second > claim.epoch ||
            (own->second == claim.epoch && name_of(number_) > name_of(from))) {
            return ask(client, now);
        }
        std::string frame;
        append(Claim{own->second, claim.key}, frame);
        posts.push_back({from, std::move(frame)});
    }

    void receive(std::size_t from, std::string_view bytes, TimePoint now) {
        FrameReader reader(1U << 20U);
        reader.add(bytes);
        Frame frame;
        while (reader.next(frame) == FrameReader::Status::Complete) {
            if (frame.type == FrameType::Claim) {
                Claim claim;
                ASSERT_TRUE(decode(frame.body, claim));
                registrar_.heard(claim.epoch);
                on_claim(from, claim, now);
            } else {
                ASSERT_TRUE(registrar_.on_frame(peer(from), frame, moment(now)));
            }
            turn(now);
        }
    }
    void turn(TimePoint now) {
        registrar_.tick(moment(now));
        // One queue: what the cluster's thread posts to a shard keeps its order.
        while (!outcomes_.empty() || !orders_.empty()) {
            for (auto& [ticket, outcome] : std::exchange(outcomes_, {})) {
                on_registered(ticket, outcome, now);
            }
            for (auto& order : std::exchange(orders_, {})) on_release(order, now);
        }
    }

    Registrar& registrar() { return registrar_; }

    std::map<std::size_t, Epoch> sessions;
    std::vector<Post> posts;
    std::set<std::size_t> peers;  // that are up
    std::size_t granted = 0;
    std::size_t refused = 0;

private:
    static Registrar::Limits limits() {
        Registrar::Limits limits;
        limits.job = Millis(3000);
        limits.request = Millis(4000);
        return limits;
    }
    void on_registered(std::uint64_t ticket, const Registered& outcome, TimePoint now) {
        const std::size_t client = tickets_.at(ticket);
        const Candidacy candidacy = candidates_.at(client);
        if (outcome.code != RegisterReply::Code::Granted) {
            ++refused;
            candidates_.erase(client);
            if (sessions.contains(client)) claim_to_all(client);
            return;
        }
        if (!candidacy.may_begin(outcome.epoch)) return ask(client, now);
        candidates_.erase(client);
        Epoch& epoch = sessions[client];
        epoch = std::max(epoch.next(), outcome.epoch);
        ++granted;
        if (!outcome.by_all) claim_to_all(client);
    }
    void claim_to_all(std::size_t client) {
        std::string frame;
        append(Claim{sessions.at(client), {"", std::to_string(client)}}, frame);
        for (const std::size_t each : peers) posts.push_back({each, frame});
    }
    void on_release(const ReleaseOrder& order, TimePoint now) {
        const auto client = static_cast<std::size_t>(std::stoul(order.key.client_id));
        const auto candidate = candidates_.find(client);
        if (candidate != candidates_.end()) candidate->second.yield(order.epoch);
        const auto own = sessions.find(client);
        if (own != sessions.end() && order.epoch <= own->second) {
            return registrar_.released(order, ReleaseReply::Code::Newer, own->second, moment(now));
        }
        if (own != sessions.end()) sessions.erase(own);
        registrar_.released(order, ReleaseReply::Code::Nothing, {}, moment(now));
    }

    const std::size_t number_;
    const Millis skew_;
    Registrar registrar_;
    std::map<std::size_t, Candidacy> candidates_;
    std::map<std::uint64_t, std::size_t> tickets_;
    std::uint64_t last_ticket_ = 0;
    std::vector<ReleaseOrder> orders_;
    std::vector<std::pair<std::uint64_t, Registered>> outcomes_;
};

class RegistrarWorld final {
public:
    explicit RegistrarWorld(std::uint64_t seed) : random_(seed) {
        const std::size_t count = 2 + random_.below(4);
        for (std::size_t i = 0; i < count; ++i) {
            nodes_.push_back(std::make_unique<RegistrarNode>(
                i, Millis(random_.below(4) == 0 ? random_.below(90'000) : random_.below(50))));
        }
        for (std::size_t a = 0; a < count; ++a) {
            for (std::size_t b = a + 1; b < count; ++b) connect(a, b);
        }
        settle();
    }

    void live(bool links_break) {
        const TimePoint end = now_ + Millis(2000 + random_.below(4000));
        while (now_ < end) {
            if (random_.below(4) == 0) any().connect(random_.below(kClients), now_);
            if (links_break && random_.below(150) == 0) {
                const auto [a, b] = pair();
                if (link(a, b).up) disconnect(a, b);
            }
            if (links_break && random_.below(60) == 0) {
                const auto [a, b] = pair();
                if (!link(a, b).up) connect(a, b);
            }
            step();
            if (!links_break) expect_one_session_each(false);
        }
        for (std::size_t a = 0; a < nodes_.size(); ++a) {
            for (std::size_t b = a + 1; b < nodes_.size(); ++b) {
                if (!link(a, b).up) connect(a, b);
            }
        }
        settle();
        expect_one_session_each(false);  // whoever was let go of for one that was refused has none
        std::size_t refused = 0;
        for (const auto& node : nodes_) {
            EXPECT_EQ(node->registrar().under_way(), 0U) << "somebody waits for ever";
            refused += node->refused;
        }
        if (!links_break) {
            EXPECT_EQ(refused, 0U);
        }
        // Whoever wants can come in now.
        for (std::size_t client = 0; client < kClients; ++client) {
            RegistrarNode& node = any();
            const std::size_t before = node.granted;
            node.connect(client, now_);
            settle();
            EXPECT_EQ(node.granted, before + 1);
            EXPECT_TRUE(node.sessions.contains(client));
        }
        expect_one_session_each(true);
    }

private:
    struct Way {
        std::deque<std::pair<TimePoint, std::string>> frames;
    };
    struct Link {
        bool up = false;
        Way ways[2];
        TimePoint away_since[2];
        /// When the ends learn of it.
        TimePoint told[2] = {kNever, kNever};
        bool known[2] = {false, false};
    };

    RegistrarNode& any() {
        return *nodes_[random_.below(static_cast<std::uint32_t>(nodes_.size()))];
    }
    std::pair<std::size_t, std::size_t> pair() {
        const auto count = static_cast<std::uint32_t>(nodes_.size());
        const std::size_t a = random_.below(count);
        const std::size_t b = (a + 1 + random_.below(count - 1)) % count;
        return {std::min(a, b), std::max(a, b)};
    }
    Link& link(std::size_t a, std::size_t b) { return links_[{std::min(a, b), std::max(a, b)}]; }

    void connect(std::size_t a, std::size_t b) {
        Link& each = link(a, b);
        each.up = true;
        for (TimePoint& at : each.told) at = now_ + Millis(random_.below(30));
    }
    void disconnect(std::size_t a, std::size_t b) {
        Link& each = link(a, b);
        each.up = false;
        for (Way& way : each.ways) {
            // What was on the way is lost, or some of it.
            const std::size_t kept =
                random_.below(static_cast<std::uint32_t>(way.frames.size()) + 1);
            way.frames.resize(kept);
        }
        for (TimePoint& at : each.told) at = now_ + Millis(random_.below(300));
    }

    void step() {
        now_ += Millis(1 + random_.below(10));
        for (auto& [ends, each] : links_) {
            for (std::size_t side = 0; side < 2; ++side) {
                const std::size_t own = side == 0 ? ends.first : ends.second;
                const std::size_t other = side == 0 ? ends.second : ends.first;
                if (each.told[side] <= now_) {
                    each.told[side] = kNever;
                    tell(each, side, own, other);
                }
                Way& in = each.ways[1 - side];
                while (each.known[side] && !in.frames.empty() && in.frames.front().first <= now_) {
                    const std::string frame = std::move(in.frames.front().second);
                    in.frames.pop_front();
                    nodes_[own]->receive(other, frame, now_);
                }
            }
        }
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            nodes_[i]->turn(now_);
            for (RegistrarNode::Post& post : std::exchange(nodes_[i]->posts, {})) {
                Link& each = link(i, post.to);
                const std::size_t side = i < post.to ? 0 : 1;
                if (!each.up || !each.known[side]) continue;
                Way& way = each.ways[side];
                TimePoint at = now_ + Millis(1 + random_.below(40));
                if (!way.frames.empty()) at = std::max(at, way.frames.back().first);
                way.frames.emplace_back(at, std::move(post.frame));
            }
        }
    }
    void tell(Link& each, std::size_t side, std::size_t own, std::size_t other) {
        RegistrarNode& node = *nodes_[own];
        if (each.known[side]) {
            each.known[side] = false;
            each.ways[1 - side].frames.clear();
            each.away_since[side] = now_;
            node.peers.erase(other);
            node.registrar().peer_down(RegistrarNode::peer(other), node.moment(now_));
            node.turn(now_);
        }
        if (!each.up) return;
        each.known[side] = true;
        node.peers.insert(other);
        node.registrar().peer_up(RegistrarNode::peer(other), RegistrarNode::name_of(other),
                                 node.moment(now_));
        node.claim(other, {});
        node.turn(now_);
    }
    void settle() {
        for (int i = 0; i < 3000; ++i) step();
    }

    void expect_one_session_each(bool must_exist) {
        for (std::size_t client = 0; client < kClients; ++client) {
            std::size_t count = 0;
            for (const auto& node : nodes_) count += node->sessions.count(client);
            ASSERT_LE(count, 1U) << "client " << client << " at "
                                 << now_.time_since_epoch().count();
            if (must_exist && count == 0) ADD_FAILURE() << "client " << client << " has none";
        }
    }

    Random random_;
    TimePoint now_{Millis(1000)};
    std::vector<std::unique_ptr<RegistrarNode>> nodes_;
    std::map<std::pair<std::size_t, std::size_t>, Link> links_;
};

std::uint64_t number(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void run(std::uint64_t first, bool links_break) {
    const std::uint64_t only = number("VMQ_REGISTRAR_SEED", 0);
    const std::uint64_t count = only != 0 ? 1 : number("VMQ_REGISTRAR_SEEDS", 60);
    for (std::uint64_t i = 0; i < count && !::testing::Test::HasFailure(); ++i) {
        const std::uint64_t seed = only != 0 ? only : first + i;
        SCOPED_TRACE("VMQ_REGISTRAR_SEED=" + std::to_string(seed));
        RegistrarWorld(seed).live(links_break);
    }
}

TEST(RegistrarRandom, WhileLinksHoldThereAreNeverTwoSessions) { run(1, false); }

TEST(RegistrarRandom, AfterSplitsOneSessionIsLeft) { run(1'000'001, true); }

}  // namespace
}  // namespace vmq::cluster
