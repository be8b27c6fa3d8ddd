/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Put at the end of a report by report_test.sh: looks at the page as it was drawn and leaves what
 * it found in an element "checked", one line for each thing that is not as it should be.
 */
(function () {
	/* "#390": as if the window were so wide, which headless Chromium does not do below 500. */
	const width = Number(location.hash.slice(1)) || window.innerWidth;
	document.documentElement.style.width = width + "px";
	const wrong = [];
	const figures = document.querySelectorAll("figure.chart");
	let marks = 0;

	function name_of(figure) {
		return figure.querySelector("figcaption").textContent;
	}

	figures.forEach(function (figure) {
		const drawn = figure.querySelectorAll(".mark"), box = figure.querySelector("svg").getBoundingClientRect();
		const said = Number(figure.dataset.marks);
		if (!said || drawn.length !== said)
			wrong.push(name_of(figure) + ": " + drawn.length + " marks of " + said);
		if (box.width < 100 || box.height < 10)
			wrong.push(name_of(figure) + ": drawn " + box.width + " by " + box.height);
		drawn.forEach(function (mark) {
			const at = mark.getBoundingClientRect(), title = mark.querySelector("title");
			if (!(at.width > 0 && at.height > 0))
				wrong.push(name_of(figure) + ": a mark without size");
			if (at.left < box.left - 1 || at.right > box.right + 1 || at.top < box.top - 1 || at.bottom > box.bottom + 1)
				wrong.push(name_of(figure) + ": a mark outside of its chart");
			if (!title || !/[0-9]/.test(title.textContent) || /nan|inf/i.test(title.textContent))
				wrong.push(name_of(figure) + ": a mark without a value: " + (title && title.textContent));
			marks++;
		});
		figure.querySelectorAll("text").forEach(function (text) {
			const at = text.getBoundingClientRect();
			if (at.left < box.left - 2 || at.right > box.right + 2)
				wrong.push(name_of(figure) + ": text is cut: " + text.textContent);
		});
	});
	if (document.body.scrollWidth > width)
		wrong.push("the page is " + document.body.scrollWidth + " wide in a window of " + width);
	/* Nothing from elsewhere: the report is one file. */
	document.querySelectorAll("[src], link[href], use[href], image[href]").forEach(function (e) {
		wrong.push("loads something: " + e.outerHTML.slice(0, 80));
	});

	const e = document.createElement("pre");
	e.id = "checked";
	e.textContent = ["figures " + figures.length, "marks " + marks,
		"background " + getComputedStyle(document.body).backgroundColor, "width " + width]
		.concat(wrong.map(function (w) { return "wrong: " + w; }), ["end"]).join("\n");
	document.body.appendChild(e);
})();
