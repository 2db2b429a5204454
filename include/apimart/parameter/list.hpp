// SPDX-License-Identifier: BSL-1.0
//
// The one list of parameter names. Includers define one or both macros below and include this file; it has no
// include guard on purpose and leaves no macro behind. Tags, table words and setters all come from here.
//
//   APIMART_PARAMETER(name, description)        one value
//   APIMART_LIST_PARAMETER(name, description)   an array, set as a whole
//
// The order is the order of the documentation's pages, not of the JSON body.

#ifndef APIMART_PARAMETER
#define APIMART_PARAMETER(name, description)
#endif
#ifndef APIMART_LIST_PARAMETER
#define APIMART_LIST_PARAMETER(name, description)
#endif

APIMART_PARAMETER(prompt, "Text that describes the video; English is advised")
APIMART_PARAMETER(negative_prompt, "What the video must not show")
APIMART_PARAMETER(mode, "Quality mode")
APIMART_PARAMETER(resolution, "Height of the picture")
APIMART_PARAMETER(aspect_ratio, "Shape of the picture")
APIMART_PARAMETER(duration, "Length of the video in seconds")
APIMART_PARAMETER(first_frame_image, "Picture the video begins with")
APIMART_PARAMETER(last_frame_image, "Picture the video ends with")
APIMART_PARAMETER(image_url, "Reference picture")
APIMART_PARAMETER(video_url, "Reference video: a public, direct link")
APIMART_LIST_PARAMETER(image_urls, "Pictures in the order in which they are used")
APIMART_PARAMETER(character_orientation, "Whether the character faces as in the picture or as in the video")
APIMART_PARAMETER(watermark, "Whether a watermark is drawn")
APIMART_PARAMETER(watermark_info, "Whether a watermark is drawn")
APIMART_PARAMETER(audio, "Whether the video has sound")
APIMART_PARAMETER(generate_audio, "Whether a sound track is made")
APIMART_PARAMETER(keep_original_sound, "Whether the sound of the reference video is kept")
APIMART_PARAMETER(multi_shot, "Whether the video has several shots")
APIMART_PARAMETER(shot_type, "Who divides the video into shots")
APIMART_LIST_PARAMETER(multi_prompt, "The shots in their order")
APIMART_LIST_PARAMETER(element_list, "Elements the prompt refers to as @name")
APIMART_PARAMETER(seed, "Random seed, for repeatable results")
APIMART_PARAMETER(sample_count, "How many videos are made")
APIMART_PARAMETER(person_generation, "Whether people may be shown")
APIMART_PARAMETER(resize_mode, "How a picture of another shape is fitted")
APIMART_PARAMETER(enhance_prompt, "Whether the service improves the prompt")
APIMART_PARAMETER(webhook, "Address that is called when the task ends")
APIMART_PARAMETER(language, "Language of failure texts in callbacks")
APIMART_PARAMETER(nsfw_check, "Whether the input is moderated before it is accepted")
APIMART_PARAMETER(metadata, "Extension object of the model")

#undef APIMART_PARAMETER
#undef APIMART_LIST_PARAMETER
