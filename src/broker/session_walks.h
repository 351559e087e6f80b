// SessionWalks: operators' questions to one shard, answered in slices between its turns.
#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "broker/client.h"
#include "broker/session_picture.h"
#include "store/message_store.h"

namespace vmq::broker {

class Shard;

/// Goes through the clients of its shard in the order in which they came, a portion whenever one is
/// asked for. A session that is there all the time is shown exactly once; one that comes or ends
/// meanwhile may be. What makes up one session is of one moment, except subscriptions and messages
/// beyond those of one picture: of these, some may be missing or shown twice when they change
/// meanwhile.
///
/// Owned by its shard and used on its thread; `shard` outlives it.
class SessionWalks final {
public:
    explicit SessionWalks(Shard& shard) noexcept : shard_(shard) {}
    ~SessionWalks();
    SessionWalks(const SessionWalks&) = delete;
    SessionWalks& operator=(const SessionWalks&) = delete;

    /// Every client of the shard, from when it is made until before it is destroyed.
    void add(Client& client) { clients_.push_back(client); }
    void remove(Client& client);

    /// Called on the shard with each portion, the last one included.
    using Answer = std::function<void(SessionPortion)>;
    /// The first portion is asked for. Requires a number that is not in use.
    void begin(WalkNumber number, SessionQuestion question, Answer answer);
    /// The next portion. Nothing happens after the last one.
    void ask(WalkNumber number);
    void end(WalkNumber number);

    /// A slice of work, at the end of a turn before its writes are handed over.
    void run();
    /// Fetches the messages that run() found on disk only, after they were.
    void load();

    [[nodiscard]] std::size_t size() const noexcept { return walks_.size(); }

private:
    using Clients = boost::intrusive::list<Client, boost::intrusive::base_hook<ClientHook>,
                                           boost::intrusive::constant_time_size<false>>;
    /// Where a walk stands within one client.
    struct Place {
        std::size_t subscription = 0;
        std::size_t lane = 0;
        std::size_t message = 0;  // in memory
        struct OnDisk {
            std::uint64_t from;
            std::uint64_t to;
            SessionPicture picture;  // without messages
        };
        std::optional<OnDisk> disk;
        boost::unordered_flat_set<std::uint64_t> seen = {};  // in memory, with a record
    };
    struct Walk {
        WalkNumber number;
        SessionQuestion question;
        Answer answer;
        std::optional<std::vector<ClientNumber>> named;  // the last one is next
        Clients::iterator next;                          // if not named
        Place place;
        SessionPortion portion;
        enum class State : std::uint8_t { Idle, Asked, ToLoad, Loading } state = State::Asked;
        std::uint32_t load = 0;  // the one that is waited for
    };

    [[nodiscard]] Walk* find(WalkNumber number) noexcept;
    [[nodiscard]] Client* current(Walk& walk);
    void advance(Walk& walk);
    /// Goes on until the portion is full or the time is over.
    void work(Walk& walk, std::chrono::steady_clock::time_point end);
    void look_at(Walk& walk, const Client& client);
    /// True: that was all of them.
    bool look_at_messages(Walk& walk, const Client& client, SessionPicture& picture);
    void finish_client(Walk& walk, const Client& client);
    void request(Walk& walk);
    void on_loaded(WalkNumber number, std::uint32_t load,
                   std::vector<store::StoredMessage> messages);
    void hand_over(Walk& walk, bool last);
    [[nodiscard]] SessionPicture picture_of(const Client& client) const;

    Shard& shard_;
    Clients clients_;
    std::vector<std::unique_ptr<Walk>> walks_;
};

}  // namespace vmq::broker
