#include "vernemq/node_question.h"

#include <bit>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "cluster/wire.h"

namespace vmq::launcher {
namespace {

using admin::commands::Cell;
using admin::commands::ClientView;
using admin::commands::Rows;
using admin::commands::SettingsView;
using admin::commands::Undefined;
using cluster::ByteReader;
using cluster::ByteWriter;
using Reauthorized = admin::commands::Node::Reauthorized;

// One walk over the fields of a type serves both directions.

class Writer final {
public:
    explicit Writer(std::string& out) : bytes_(out) {}

    bool operator()(const std::string& value) {
        bytes_.string(value);
        return true;
    }
    bool operator()(const bool& value) {
        bytes_.flag(value);
        return true;
    }
    bool operator()(const std::uint8_t& value) {
        bytes_.u8(value);
        return true;
    }
    bool operator()(const std::uint64_t& value) {
        bytes_.varint(value);
        return true;
    }
    template <typename T>
    bool operator()(const std::vector<T>& list) {
        bytes_.varint(list.size());
        for (const T& each : list) walk(*this, each);
        return true;
    }
    template <typename T>
    bool operator()(const std::optional<T>& value) {
        bytes_.flag(value.has_value());
        if (value) walk(*this, *value);
        return true;
    }
    template <typename A, typename B>
    bool operator()(const std::pair<A, B>& both) {
        return walk(*this, both.first) && walk(*this, both.second);
    }

private:
    ByteWriter bytes_;
};

class Reader final {
public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}
    [[nodiscard]] bool done() const { return bytes_.done(); }

    bool operator()(std::string& value) {
        std::string_view view;
        if (!bytes_.string(view)) return false;
        value = view;
        return true;
    }
    bool operator()(bool& value) { return bytes_.flag(value); }
    bool operator()(std::uint8_t& value) { return bytes_.u8(value); }
    bool operator()(std::uint64_t& value) { return bytes_.varint(value); }
    template <typename T>
    bool operator()(std::vector<T>& list) {
        std::size_t count = 0;
        if (!bytes_.count(count, 1)) return false;
        list.clear();
        for (std::size_t i = 0; i < count; ++i) {
            if (!walk(*this, list.emplace_back())) return false;
        }
        return true;
    }
    template <typename T>
    bool operator()(std::optional<T>& value) {
        bool there = false;
        if (!bytes_.flag(there)) return false;
        value.reset();
        if (!there) return true;
        T held{};
        if (!walk(*this, held)) return false;
        value = std::move(held);
        return true;
    }
    template <typename A, typename B>
    bool operator()(std::pair<A, B>& both) {
        return walk(*this, both.first) && walk(*this, both.second);
    }

private:
    ByteReader bytes_;
};

template <typename Archive, typename T>
bool walk(Archive& archive, T& value);

template <typename Archive, typename... Fields>
bool all(Archive& archive, Fields&... fields) {
    return (walk(archive, fields) && ...);
}

template <typename Archive>
bool fields(Archive& a, auto& v) {
    using T = std::remove_const_t<std::remove_reference_t<decltype(v)>>;
    if constexpr (std::is_same_v<T, SessionName>) {
        return all(a, v.mountpoint, v.client_id);
    } else if constexpr (std::is_same_v<T, AskSessions>) {
        return all(a, v.flags);
    } else if constexpr (std::is_same_v<T, AskDisconnect>) {
        return all(a, v.session, v.cleanup);
    } else if constexpr (std::is_same_v<T, AskDisconnectSome>) {
        return all(a, v.count, v.spared, v.cleanup);
    } else if constexpr (std::is_same_v<T, AskClient>) {
        return all(a, v.session, v.topics);
    } else if constexpr (std::is_same_v<T, AskUnsubscribe>) {
        return all(a, v.session, v.filter, v.tell_plugins);
    } else if constexpr (std::is_same_v<T, AskReauthorize>) {
        return all(a, v.session, v.username);
    } else if constexpr (std::is_same_v<T, AskSettings> || std::is_same_v<T, AskUnset>) {
        return all(a, v.keys);
    } else if constexpr (std::is_same_v<T, AskChange>) {
        return all(a, v.changes);
    } else if constexpr (std::is_same_v<T, ClientView>) {
        return all(a, v.online, v.topics);
    } else if constexpr (std::is_same_v<T, SettingsView>) {
        return all(a, v.node, v.values, v.origins);
    } else {
        static_assert(std::is_same_v<T, Rows>);
        return all(a, v.table.columns, v.table.rows, v.missing);
    }
}

// A cell: its place in the variant, then the value.

bool cell(Writer& a, const Cell& value) {
    a(static_cast<std::uint8_t>(value.index()));
    return std::visit(
        [&](const auto& held) {
            using Held = std::remove_cvref_t<decltype(held)>;
            if constexpr (std::is_same_v<Held, bool> || std::is_same_v<Held, std::string>) {
                return a(held);
            } else if constexpr (std::is_same_v<Held, std::int64_t>) {
                return a(static_cast<std::uint64_t>(held));
            } else if constexpr (std::is_same_v<Held, double>) {
                return a(std::bit_cast<std::uint64_t>(held));
            } else {
                return true;
            }
        },
        value);
}

bool cell(Reader& a, Cell& value) {
    std::uint8_t form = 0;
    bool flag = false;
    std::uint64_t number = 0;
    if (!a(form)) return false;
    switch (form) {
        case 0:
            value = std::monostate{};
            return true;
        case 1:
            value = Undefined{};
            return true;
        case 2:
            if (!a(flag)) return false;
            value = flag;
            return true;
        case 3:
            if (!a(number)) return false;
            value = static_cast<std::int64_t>(number);
            return true;
        case 4:
            if (!a(number)) return false;
            value = std::bit_cast<double>(number);
            return true;
        case 5:
            return a(value.emplace<std::string>());
        default:
            return false;
    }
}

template <typename Archive, typename T>
bool walk(Archive& archive, T& value) {
    if constexpr (std::is_same_v<std::remove_const_t<T>, Cell>) {
        return cell(archive, value);
    } else if constexpr (std::is_invocable_v<Archive&, T&>) {
        return archive(value);
    } else {
        return fields(archive, value);
    }
}

template <typename T>
std::string written(const T& value) {
    std::string out;
    Writer writer(out);
    walk(writer, value);
    return out;
}

template <typename T>
bool read(std::string_view bytes, T& value) {
    Reader reader(bytes);
    return walk(reader, value) && reader.done();
}

template <std::size_t kPlace>
std::optional<NodeQuestion> read_question(std::size_t place, std::string_view bytes) {
    if constexpr (kPlace == std::variant_size_v<NodeQuestion>) {
        return std::nullopt;
    } else {
        if (place != kPlace) return read_question<kPlace + 1>(place, bytes);
        std::variant_alternative_t<kPlace, NodeQuestion> question{};
        if (!read(bytes, question)) return std::nullopt;
        return question;
    }
}

}  // namespace

std::string encode(const NodeQuestion& question) {
    std::string bytes(1, static_cast<char>(question.index() + 1));
    std::visit([&](const auto& each) { bytes += written(each); }, question);
    return bytes;
}

std::optional<NodeQuestion> decode_question(std::string_view bytes) {
    if (bytes.empty() || bytes.front() == 0) return std::nullopt;
    const auto place = static_cast<std::size_t>(static_cast<unsigned char>(bytes.front())) - 1;
    return read_question<0>(place, bytes.substr(1));
}

std::string encode_answer(const Rows& rows) { return written(rows); }
std::string encode_answer(bool flag) { return written(flag); }
std::string encode_answer(std::uint64_t number) { return written(number); }
std::string encode_answer(const std::optional<ClientView>& client) { return written(client); }
std::string encode_answer(Reauthorized outcome) {
    return written(static_cast<std::uint64_t>(outcome));
}
std::string encode_answer(const SettingsView& settings) { return written(settings); }

bool decode_answer(std::string_view bytes, Rows& rows) {
    if (!read(bytes, rows)) return false;
    for (const auto& row : rows.table.rows) {
        if (row.size() != rows.table.columns.size()) return false;
    }
    return true;
}
bool decode_answer(std::string_view bytes, bool& flag) { return read(bytes, flag); }
bool decode_answer(std::string_view bytes, std::uint64_t& number) { return read(bytes, number); }
bool decode_answer(std::string_view bytes, std::optional<ClientView>& client) {
    return read(bytes, client);
}
bool decode_answer(std::string_view bytes, Reauthorized& outcome) {
    std::uint64_t number = 0;
    if (!read(bytes, number) || number > static_cast<std::uint64_t>(Reauthorized::Changed)) {
        return false;
    }
    outcome = static_cast<Reauthorized>(number);
    return true;
}
bool decode_answer(std::string_view bytes, SettingsView& settings) {
    return read(bytes, settings) && settings.origins.size() == settings.values.size();
}

}  // namespace vmq::launcher
