#include "broker/activity.h"

#include <algorithm>
#include <utility>

namespace vmq::broker {

void ActivityPicture::merge(ActivityPicture other) {
    for (Client& client : other.clients) clients.push_back(std::move(client));
    for (Topic& topic : other.topics) {
        const auto known = std::ranges::find(topics, topic.topic, &Topic::topic);
        if (known == topics.end()) {
            topics.push_back(std::move(topic));
        } else {
            known->messages += topic.messages;
            known->bytes += topic.bytes;
        }
    }
}

Activity::Numbers& Activity::at(std::vector<Numbers>& numbers, TopCounts::Added added) {
    if (numbers.size() <= added.place) numbers.resize(added.place + 1);
    if (added.anew) numbers[added.place] = {};
    return numbers[added.place];
}

Activity::Numbers& Activity::of_client(std::string_view mountpoint, std::string_view client_id) {
    key_.assign(client_id);  // no client id has a U+0000
    key_ += '\0';
    key_ += mountpoint;
    return at(client_numbers_, clients_.add(key_, 1));
}

void Activity::received(std::string_view mountpoint, std::string_view client_id,
                        std::string_view topic, std::size_t payload) {
    const std::size_t bytes = topic.size() + payload;
    Numbers& client = of_client(mountpoint, client_id);
    ++client.messages_in;
    client.bytes_in += bytes;
    Numbers& published = at(topic_numbers_, topics_.add(topic.substr(0, kMaxTopicBytes), 1));
    ++published.messages_in;
    published.bytes_in += bytes;
}

void Activity::sent(std::string_view mountpoint, std::string_view client_id, std::string_view topic,
                    std::size_t payload) {
    Numbers& client = of_client(mountpoint, client_id);
    ++client.messages_out;
    client.bytes_out += topic.size() + payload;
}

ActivityPicture Activity::take() {
    ActivityPicture picture;
    for (std::size_t i = 0; i < clients_.entries().size(); ++i) {
        const std::string& key = clients_.entries()[i].key;
        const std::size_t end = key.find('\0');
        const Numbers& numbers = client_numbers_[i];
        picture.clients.push_back({key.substr(end + 1), key.substr(0, end), numbers.messages_in,
                                   numbers.messages_out, numbers.bytes_in, numbers.bytes_out});
    }
    for (std::size_t i = 0; i < topics_.entries().size(); ++i) {
        const Numbers& numbers = topic_numbers_[i];
        picture.topics.push_back({topics_.entries()[i].key, numbers.messages_in, numbers.bytes_in});
    }
    clients_.clear();
    topics_.clear();
    return picture;
}

}  // namespace vmq::broker
